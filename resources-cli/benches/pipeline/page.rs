//! The page in a browser: a thousand hosts through the whole pipeline, and ten thousand.

mod browser;
mod fleet;
mod probes;
mod ten_thousand;
mod thousand;
mod waits;
mod wire;

use crate::context::Context;
use crate::report::{Report, say};
use browser::Browser;

/// A thousand hosts: first paint, and from sample to pixel.
pub(crate) async fn measure(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    let Some(browser) = browser() else { return Ok(()) };
    thousand::measure(context, &browser, report).await
}

/// Ten thousand hosts: the wire, and the page's main thread.
pub(crate) async fn measure_fleet(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    let Some(browser) = browser() else { return Ok(()) };
    ten_thousand::measure(context, &browser, report).await
}

/// Ten thousand hosts for ten minutes: the page's memory.
pub(crate) async fn measure_memory(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    let Some(browser) = browser() else { return Ok(()) };
    ten_thousand::memory(context, &browser, report).await
}

/// What drives a browser, if it is installed.
fn browser() -> Option<Browser> {
    let browser = Browser::find();
    if browser.is_none() {
        say("  left out: no static/node_modules; run `npm ci` in static/");
    }
    browser
}
