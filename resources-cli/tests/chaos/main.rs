//! Every part is killed, cut off and stopped at random while it works, and in the end not one
//! sample may be missing, and each episode of a host must have been told, once, in the stream and to
//! a web hook. `make chaos` runs
//! it for minutes; see `docs/reliability.md`.

mod alerts;
mod broker;
mod faults;
mod hook;
mod ledger;
mod links;
mod present;
mod processes;
mod settings;
mod stage;
mod stalls;

use std::time::Duration;

use tokio::sync::Mutex;

use self::faults::Faults;
use self::settings::Settings;
use self::stage::Stage;

/// Held by each test that needs all of the machine.
static ALONE: Mutex<()> = Mutex::const_new(());

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_killed_no_sample_is_lost_and_every_episode_is_told_once() {
    let _alone = ALONE.lock().await;
    let settings = Settings::from_environment().with_episodes();
    let mut stage = Stage::start(&settings).await;
    Faults::new(&settings).strike(&mut stage).await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes as long as the outage; `make chaos` runs it"]
async fn a_long_outage_of_the_broker_loses_no_sample_and_is_one_alert() {
    let _alone = ALONE.lock().await;
    let settings = Settings::from_environment();
    let mut stage = Stage::start(&settings).await;
    stage.be_without_broker_for(settings.outage).await;
    assert_eq!(stage.finish().await.pipeline, 1);
}

/// Lets faults and load take their time.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
