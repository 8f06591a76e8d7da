//! What a program serves at `/metrics`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// Starts `program` with `arguments`, which say where it is to work, has it serve its figures on a
/// free port, and gives them. The program is killed then.
///
/// # Panics
/// When it does not start, or ends before it has said where it serves them.
#[must_use]
pub fn served_metrics(program: &str, arguments: &[&str]) -> String {
    let child = Command::new(program)
        .args(arguments)
        .args(["--metrics-listen", "127.0.0.1:0", "--log", "info", "--log-format", "json"])
        .env_clear()
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut killed = Killed(child.expect("the program starts"));
    let mut log = BufReader::new(killed.0.stderr.take().expect("piped"));
    let address = loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).expect("UTF-8") > 0, "it ended before it served metrics");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(address) = line["metrics"].as_str() {
            break address.to_owned();
        }
    };
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.0 200"), "{head}");
    body.to_owned()
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
