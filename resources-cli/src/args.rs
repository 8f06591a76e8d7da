//! The command line, and the groups of arguments that look a little different here.

use clap::builder::ArgPredicate;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand};
use resources_core::bus::{BrokerUrl, BusArgs, BusConfig};
use resources_core::service::{Failure, LogArgs};
use resources_observer::ObserverArgs;
use resources_web::WebArgs;

use crate::commands::{audit, doctor, listen, observer, rejected, send, simulate, up};

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or asked to stop
  1  failed while running: broker not reachable, nobody listens, fewer messages than asked for,
     a program of `listen --exec` that failed, an audit that is not exact, something a doctor finds wrong
  2  a flag, setting or input cannot be used";

/// Monitors machines: everything in one process with `up`, and tools to send messages, to
/// listen to them, to simulate many machines, and to see that nothing is lost or wrong.
#[derive(Debug, Parser)]
#[command(name = crate::NAME, version, after_help = EXIT_CODES, subcommand_required = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: What,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum What {
    #[command(after_help = EXIT_CODES)]
    Up(Box<up::UpArgs>),
    #[command(after_help = EXIT_CODES)]
    Send(send::SendArgs),
    #[command(after_help = EXIT_CODES)]
    Listen(listen::ListenArgs),
    #[command(after_help = EXIT_CODES)]
    Simulate(simulate::SimulateArgs),
    #[command(after_help = EXIT_CODES)]
    Audit(audit::AuditArgs),
    #[command(after_help = EXIT_CODES)]
    Doctor(doctor::DoctorArgs),
    #[command(after_help = EXIT_CODES)]
    Rejected(rejected::RejectedArgs),
    #[command(after_help = EXIT_CODES)]
    Observer(observer::ObserverArgs),
}

impl What {
    pub(crate) fn log(&self) -> &LogArgs {
        let QuietLogArgs(log) = match self {
            Self::Up(args) => &args.log,
            Self::Send(args) => &args.log,
            Self::Listen(args) => &args.log,
            Self::Simulate(args) => &args.log,
            Self::Audit(args) => &args.log,
            Self::Doctor(args) => &args.log,
            Self::Rejected(args) => args.log(),
            Self::Observer(args) => args.log(),
        };
        log
    }
}

/// The shared log settings, but only warnings unless told otherwise: what a tool has to say it
/// says itself.
#[derive(Debug, Clone)]
pub(crate) struct QuietLogArgs(LogArgs);

/// The shared broker settings, but a broker inside this process unless one is named on the
/// command line: `up` must show this machine even where a fleet's broker is in the environment.
#[derive(Debug, Clone)]
pub(crate) struct LocalBusArgs(pub(crate) BusArgs);

/// The settings of the page, but history in memory unless a file is named: what is started to
/// have a look leaves nothing behind.
#[derive(Debug, Clone)]
pub(crate) struct LocalWebArgs(pub(crate) WebArgs);

/// The settings of the observer, but its state in memory unless a file is named, as history, or a
/// broker is: what is raised there stays raised when the process ends. Neither that file nor rules
/// come from the environment: it may be that of a fleet's observer, whose people must not be told
/// of this machine.
#[derive(Debug, Clone)]
pub(crate) struct LocalObserverArgs(pub(crate) ObserverArgs);

/// Makes a group of arguments of another one, with some of them changed.
macro_rules! changed_group {
    ($group:ident, $of:ty, $($argument:literal: $change:expr),+) => {
        impl Args for $group {
            fn augment_args(command: Command) -> Command {
                <$of>::augment_args(command)$(.mut_arg($argument, $change))+
            }

            fn augment_args_for_update(command: Command) -> Command {
                <$of>::augment_args_for_update(command)$(.mut_arg($argument, $change))+
            }
        }

        impl FromArgMatches for $group {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                <$of>::from_arg_matches(matches).map(Self)
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                self.0.update_from_arg_matches(matches)
            }
        }
    };
}

changed_group!(QuietLogArgs, LogArgs, "log": |log: Arg| log.default_value("warn"));
changed_group!(LocalWebArgs, WebArgs, "history": |history: Arg| {
    history.default_value("memory").long_help(
        "Where to keep what hosts reported: `off`, `memory` (lost when the program ends), or a \
         file, which is made when it is not there",
    )
});
changed_group!(LocalObserverArgs, ObserverArgs,
    "state": |state: Arg| {
        state
            .env(None::<&str>)
            .default_value("memory")
            .default_value_ifs([
                ("broker_url", ArgPredicate::Equals("memory:".into()), "memory"),
                ("broker_url", ArgPredicate::IsPresent, ObserverArgs::STATE_FILE),
                ("broker_url_file", ArgPredicate::IsPresent, ObserverArgs::STATE_FILE),
            ])
            .help(format!(
                "Where to keep what alerts are raised between starts: a file, which is made when \
                 it is not there, or `memory` (forgotten when the program ends). With \
                 --broker-url {}, as the alerts of that broker outlive this program",
                ObserverArgs::STATE_FILE
            ))
    },
    "rules": |rules: Arg| rules.env(None::<&str>)
);
changed_group!(LocalBusArgs, BusArgs,
    "broker_url": |url: Arg| url.env(None::<&str>).default_value("memory:").visible_alias("broker"),
    "broker_url_file": |file: Arg| file.env(None::<&str>)
);

/// The settings of a bus that leads out of this process.
pub(crate) fn remote(bus: &BusArgs) -> Result<BusConfig, Failure> {
    let config = bus.config(crate::NAME).map_err(Failure::settings)?;
    match config.url {
        BrokerUrl::Amqp(_) => Ok(config),
        BrokerUrl::Memory => Err(Failure::settings(
            "broker URL memory: stays inside this process, where nobody else is; name a broker \
             with --broker-url amqp://…",
        )),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use resources_web::HistoryPlace;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn tools_only_warn_unless_told_otherwise() {
        let parsed = Arguments::try_parse_from(["resources", "send", "a"]).unwrap();
        assert_eq!(parsed.command.log().log, "warn");
        let parsed = Arguments::try_parse_from(["resources", "send", "a", "--log", "info"]);
        assert_eq!(parsed.unwrap().command.log().log, "info");
    }

    #[test]
    fn up_keeps_history_in_memory_unless_a_file_is_named() {
        let history =
            |arguments: &[&str]| match Arguments::try_parse_from(arguments).unwrap().command {
                What::Up(args) => args.web.0.history.history,
                other => panic!("{other:?}"),
            };
        assert_eq!(history(&["resources", "up"]), Some(HistoryPlace::Memory));
        let named = history(&["resources", "up", "--history", "h.sqlite"]);
        assert_eq!(named, Some(HistoryPlace::File("h.sqlite".into())));
    }

    #[test]
    fn up_keeps_the_state_of_alerts_in_memory_unless_a_file_or_a_broker_is_named() {
        let state = |arguments: &[&str]| match Arguments::try_parse_from(arguments).unwrap().command
        {
            What::Up(args) => args.observer.0.state,
            other => panic!("{other:?}"),
        };
        for (arguments, expected) in [
            (&[][..], "memory"),
            (&["--state", "alerts.sqlite"], "alerts.sqlite"),
            (&["--broker-url", "memory:"], "memory"),
            (&["--broker", "amqp://b/"], "resources-observer.sqlite"),
            (&["--broker-url-file", "secret"], "resources-observer.sqlite"),
            (&["--broker-url", "amqp://b/", "--state", "memory"], "memory"),
        ] {
            let all = [&["resources", "up"], arguments].concat();
            assert_eq!(state(&all).to_str(), Some(expected), "{arguments:?}");
        }
        let command = Arguments::command();
        let up = command.find_subcommand("up").unwrap();
        for id in ["rules", "state"] {
            let argument = up.get_arguments().find(|argument| argument.get_id() == id).unwrap();
            assert_eq!(argument.get_env(), None, "{argument}");
        }
    }

    #[test]
    fn up_stays_in_its_process_unless_a_broker_is_named() {
        let broker =
            |arguments: &[&str]| match Arguments::try_parse_from(arguments).unwrap().command {
                What::Up(args) => args.bus.0.broker_url,
                other => panic!("{other:?}"),
            };
        assert_eq!(broker(&["resources", "up"]), "memory:");
        assert_eq!(broker(&["resources", "up", "--broker", "amqp://b/"]), "amqp://b/");
        assert_eq!(broker(&["resources", "up", "--broker-url", "amqp://b/"]), "amqp://b/");
        let command = Arguments::command();
        let up = command.find_subcommand("up").unwrap();
        for argument in up.get_arguments().filter(|a| a.get_id().as_str().starts_with("broker_url"))
        {
            assert_eq!(argument.get_env(), None, "{argument}");
        }
    }
}
