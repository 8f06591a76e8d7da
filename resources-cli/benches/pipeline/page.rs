//! The page in a browser: a thousand hosts through the whole pipeline, and ten thousand.

mod browser;
mod probes;
mod ten_thousand;
mod thousand;
mod wire;

use crate::context::Context;
use crate::report::{Report, say};
use browser::Browser;

pub(crate) async fn measure(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    let Some(browser) = Browser::find() else {
        say("  left out: no static/node_modules; run `npm ci` in static/");
        return Ok(());
    };
    thousand::measure(context, &browser, report).await?;
    ten_thousand::measure(context, &browser, report).await
}
