//! A module of one's own: prints every host whose level is HIGH. The README shows this code.
#![expect(clippy::print_stdout, reason = "printing is what it does")]

use clap::Parser as _;
use resources_core::bus::{Bus, BusArgs, Source, Start};
use resources_core::contract::{Analysis, Level};
use std::num::NonZeroU16;

#[derive(clap::Parser)]
struct Args {
    #[command(flatten)]
    bus: BusArgs,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bus = Bus::open(Args::parse().bus.config("my-module")?);
    let prefetch = NonZeroU16::MIN.saturating_add(99);
    let mut analyses = bus.subscribe(Source::Analyses(Start::Next), prefetch);
    while let Some(delivery) = analyses.next().await {
        if let Ok(analysis) = Analysis::decode(&delivery.topic, &delivery.body)
            && analysis.level == Level::High
        {
            println!("{} is HIGH", analysis.host);
        }
        analyses.acknowledge_through(delivery.receipt).await;
    }
    Ok(())
}
