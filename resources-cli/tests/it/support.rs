//! A running program and its lines, and the broker it speaks to.

use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use resources_core::test_support::{shared_broker, unique_exchange};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(60);

/// The program with `arguments`, and nothing of the environment of these tests.
pub(crate) fn resources(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_resources"));
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs the program to its end.
pub(crate) async fn run(arguments: &[&str]) -> Output {
    ended(resources(arguments).spawn().expect("the program starts")).await
}

pub(crate) async fn ended(child: Child) -> Output {
    timeout(LONG, child.wait_with_output()).await.expect("it ends").expect("it can be waited for")
}

/// Standard error of an ended program.
pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// A program whose lines are read while it runs.
pub(crate) struct Running {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    errors: Lines<BufReader<ChildStderr>>,
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::spawn(&mut resources(arguments))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("piped")).lines();
        let errors = BufReader::new(child.stderr.take().expect("piped")).lines();
        Self { child, output, errors }
    }

    /// The next line of standard output; panics with its errors when there is none.
    pub(crate) async fn line(&mut self) -> String {
        let line = timeout(LONG, self.output.next_line()).await.expect("a line").expect("UTF-8");
        match line {
            Some(line) => line,
            None => panic!("it ended: {:?}", self.errors.next_line().await),
        }
    }

    /// The next line of standard error.
    pub(crate) async fn error_line(&mut self) -> String {
        let line = timeout(LONG, self.errors.next_line()).await.expect("a line").expect("UTF-8");
        line.expect("standard error goes on")
    }

    /// The rest of standard output is no longer read.
    pub(crate) fn drop_output(mut self) -> Child {
        drop(self.output);
        self.child.stderr = None;
        self.child
    }

    /// Asks it to stop, as a service manager does.
    pub(crate) async fn terminate(self) -> (ExitStatus, Vec<String>) {
        let pid = self.child.id().expect("it runs").to_string();
        let kill = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(kill.expect("kill starts").success());
        self.ended().await
    }

    /// Its exit status and what else it said on standard output.
    pub(crate) async fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let mut rest = Vec::new();
        let read = async {
            while let Some(line) = self.output.next_line().await.expect("UTF-8") {
                rest.push(line);
            }
            self.child.wait().await.expect("it can be waited for")
        };
        let status = timeout(LONG, read).await.expect("it ends");
        (status, rest)
    }
}

/// Arguments that lead to the broker of these tests.
pub(crate) struct Broker {
    pub(crate) exchange: String,
}

impl Broker {
    pub(crate) fn new() -> Self {
        Self { exchange: unique_exchange() }
    }

    pub(crate) fn with<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let broker = ["--broker-url", shared_broker(), "--exchange", &self.exchange];
        [arguments, &broker].concat()
    }

    /// A listener that is listening.
    pub(crate) async fn listen(&self, arguments: &[&str]) -> Running {
        let mut listener = Running::start(&self.with(&[&["listen"], arguments].concat()));
        let told = listener.error_line().await;
        assert!(told.starts_with("listening to "), "{told}");
        listener
    }

    pub(crate) async fn send(&self, arguments: &[&str]) {
        let output = run(&self.with(&[&["send"], arguments].concat())).await;
        assert!(output.status.success(), "{}", errors(&output));
        assert_eq!(errors(&output), "");
    }
}
