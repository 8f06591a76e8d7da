//! The analyzer as others see it: over the in-process bus, over RabbitMQ, and as a program.

mod confirms;
mod program;
mod pump;
mod support;
