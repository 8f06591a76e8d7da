//! A reaction: in one terminal `cargo run -p resources-observer --example terminator`, in another
//! `resources send terminator_detected 'Terminator just dropped in our space-time'`.
#![expect(clippy::print_stdout, reason = "printing is what it does")]

use resources_observer::{Event, Observer, ObserverError};

async fn terminator_detected(_: Event) {
    println!("Terminator just dropped in our space-time");
}

#[tokio::main]
async fn main() -> Result<(), ObserverError> {
    Observer::from_environment("sarah-connor")?
        .on("terminator_detected", terminator_detected)
        .run()
        .await
}
