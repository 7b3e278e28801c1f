//! The flags about logs become plain data.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::{
    AccessFormat, AccessLog, AuditLog, Config, Log, LogFormat, LogLevel, LogOutput, Propagate,
};

#[derive(Args, Debug, PartialEq)]
#[command(next_help_heading = "Logs")]
pub(super) struct LogFlags {
    /// What is worth a line of the server's log
    #[arg(long, value_name = "LEVEL", default_value = "info",
        value_parser = ["error", "warn", "info", "debug"])]
    log_level: String,
    /// How these lines look; auto: text for a terminal, JSON for everything else
    #[arg(long, value_name = "FORMAT", default_value = "auto",
        value_parser = ["auto", "text", "json"])]
    log_format: String,
    /// Write a line for each request to PATH, or to standard output
    #[arg(long, value_name = "PATH|-")]
    access_log: Option<PathBuf>,
    /// How these lines look
    #[arg(long, value_name = "FORMAT", default_value = "json",
        value_parser = ["json", "combined"])]
    access_log_format: String,
    /// Write a line for each request that asked a function to PATH, or to standard output
    #[arg(long, value_name = "PATH|-")]
    audit_log: Option<PathBuf>,
    /// Whether requests carry a trace (W3C Trace Context) to functions and logs
    #[arg(long, value_name = "w3c|off", default_value = "w3c", value_parser = ["w3c", "off"])]
    tracing: String,
}

impl LogFlags {
    /// Puts everything into its place.
    pub(super) fn read(&self, config: &mut Config) {
        config.log = Log {
            level: match self.log_level.as_str() {
                "error" => LogLevel::Error,
                "warn" => LogLevel::Warn,
                "debug" => LogLevel::Debug,
                _ => LogLevel::Info,
            },
            format: match self.log_format.as_str() {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => LogFormat::Auto,
            },
            output: LogOutput::Stderr,
        };
        config.access_log = self.access_log.as_ref().map(|path| AccessLog {
            output: output(path),
            format: match self.access_log_format.as_str() {
                "combined" => AccessFormat::Combined,
                _ => AccessFormat::Json,
            },
            ..AccessLog::default()
        });
        config.audit_log = self.audit_log.as_ref().map(|path| AuditLog { output: output(path) });
        config.tracing.propagate = match self.tracing.as_str() {
            "off" => Propagate::Off,
            _ => Propagate::W3c,
        };
    }
}

fn output(path: &Path) -> LogOutput {
    if path.as_os_str() == "-" { LogOutput::Stdout } else { LogOutput::File(path.to_owned()) }
}
