//! The least an analyzer does: takes measures, publishes each untouched as an analysis, and
//! acknowledges it once the broker has confirmed.

use anyhow::{Context as _, bail};
use clap::Args;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Confirmation};

use crate::amqp::{connect, names};

/// Most deliveries one acknowledgement covers, as in the programs.
const BATCH: u64 = 64;

#[derive(Debug, Args)]
pub(crate) struct ForwarderArgs {
    #[arg(long)]
    url: String,
    #[arg(long)]
    exchange: String,
    #[arg(long)]
    prefetch: u16,
    #[arg(long)]
    window: usize,
    /// Spaces added to each body.
    #[arg(long, default_value_t = 0)]
    added_bytes: usize,
}

pub(super) async fn run(args: ForwarderArgs) -> anyhow::Result<()> {
    // Two connections, as the programs have them: an alarm stops those that publish.
    let (taking, giving) = (connect(&args.url).await?, connect(&args.url).await?);
    let input = taking.create_channel().await?;
    input.basic_qos(args.prefetch, BasicQosOptions::default()).await?;
    let output = giving.create_channel().await?;
    output.confirm_select(ConfirmSelectOptions::default()).await?;
    let queue = names(&args.exchange)?.measures();
    let (queue, tag) = (queue.as_str().into(), ShortString::default());
    let consume =
        input.basic_consume(queue, tag, BasicConsumeOptions::default(), FieldTable::default());
    let mut deliveries = consume.await?;
    let exchange = ShortString::from(args.exchange.as_str());

    let mut in_flight = FuturesOrdered::new();
    let (mut due, mut acknowledged) = (0, 0);
    loop {
        tokio::select! {
            biased;
            Some(confirmed) = in_flight.next(), if !in_flight.is_empty() => {
                due = confirmed?;
                if due - acknowledged >= BATCH {
                    acknowledged = acknowledge(&input, due).await?;
                }
            }
            delivery = deliveries.next(), if in_flight.len() < args.window => {
                let delivery = delivery.context("the queue of measures ended")??;
                in_flight.push_back(forward(&output, exchange.clone(), delivery, args.added_bytes));
            }
            // Nothing else is ready.
            () = std::future::ready(()), if due > acknowledged => {
                acknowledged = acknowledge(&input, due).await?;
            }
        }
    }
}

async fn forward(
    output: &Channel,
    exchange: ShortString,
    delivery: Delivery,
    added_bytes: usize,
) -> anyhow::Result<u64> {
    let key = delivery.routing_key.as_str();
    let host = key.strip_suffix("measure").context("not the key of a measure")?;
    let key = ShortString::from(format!("{host}analysis").as_str());
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let Delivery { mut data, properties, delivery_tag, .. } = delivery;
    data.resize(data.len() + added_bytes, b' ');
    let publish = output.basic_publish(exchange, key, options, &data, properties);
    match publish.await?.await? {
        Confirmation::Ack(None) => Ok(delivery_tag),
        other => bail!("not confirmed: {other:?}"),
    }
}

async fn acknowledge(input: &Channel, tag: u64) -> anyhow::Result<u64> {
    input.basic_ack(tag, BasicAckOptions { multiple: true }).await?;
    Ok(tag)
}
