//! The transport over RabbitMQ (being written).
use super::link::Link;
use super::{BusConfig, Delivery, Message, PublishError, Receipt, Source};
use std::num::NonZeroU16;
use tokio::sync::watch;

#[derive(Debug, Clone)]
pub(super) struct Bus;
#[derive(Debug, Clone)]
pub(super) struct Publisher;
#[derive(Debug)]
pub(super) struct Subscription;
impl Bus {
    pub(super) fn new(_: BusConfig) -> Self {
        unimplemented!()
    }
    pub(super) fn publisher(&self) -> Publisher {
        unimplemented!()
    }
    pub(super) fn subscribe(&self, _: Source, _: NonZeroU16) -> Subscription {
        unimplemented!()
    }
    pub(super) fn link(&self) -> watch::Receiver<Link> {
        unimplemented!()
    }
    pub(super) async fn close(&self) {
        unimplemented!()
    }
}
impl Publisher {
    pub(super) async fn publish(&self, _: &Message) -> Result<(), PublishError> {
        unimplemented!()
    }
    pub(super) async fn publish_rejected(&self, _: &Delivery, _: &str) -> Result<(), PublishError> {
        unimplemented!()
    }
}
impl Subscription {
    pub(super) async fn next(&mut self) -> Option<Delivery> {
        unimplemented!()
    }
    pub(super) async fn acknowledge_through(&mut self, _: Receipt) {
        unimplemented!()
    }
    pub(super) async fn flush(&mut self) {
        unimplemented!()
    }
    pub(super) async fn ready(&mut self) -> bool {
        unimplemented!()
    }
}
