//! `fezz serve`: from a configuration to a drained server. The order is the point: descriptors
//! before anything is opened, signals before any thread, functions before any socket.

use std::time::Duration;

use fezz_parser::HeadLimits;
use fezz_proto::{Checked, PaceLimits};

use super::flags::ServeFlags;
use super::{fail, say};
use crate::assemble::Functions;
use crate::config::{Config, ConfigError};
use crate::error::{EXIT_OK, StartError, Task};
use crate::report;
use crate::server::{BindError, DrainReport, Handle, Server, Settings};
use crate::sys::signal::{Signal, Signals};
use crate::sys::{open_standard_descriptors, rlimit};

pub(super) fn serve(flags: &ServeFlags) -> u8 {
    let ended = flags.to_config().map_err(StartError::Config).and_then(|config| run(&config));
    match ended {
        Ok(report) => {
            say(report::drained(&report));
            EXIT_OK
        }
        Err(error) => fail(error.exit_code(), error),
    }
}

/// Serves until a signal ends it.
fn run(config: &Config) -> Result<DrainReport, StartError> {
    let refused = |doing| move |error| StartError::System { doing, error };
    open_standard_descriptors().map_err(refused(Task::StandardDescriptors))?;
    let descriptors = rlimit::raise_descriptor_limit().map_err(refused(Task::DescriptorLimit))?;
    let least = descriptors_least(config);
    if descriptors.now < least {
        return Err(StartError::Descriptors { found: descriptors.now, least });
    }
    let signals = Signals::install().map_err(refused(Task::Signals))?;
    let functions = Functions::load(config).map_err(StartError::Config)?;
    let count = functions.registry.len();
    let server = Server::bind(settings(config, functions, descriptors.now)?).map_err(unbound)?;
    watch(signals, server.handle(), config.drain.delay).map_err(refused(Task::Thread))?;
    if descriptors.now > descriptors.before {
        let (before, now) = (descriptors.before, descriptors.now);
        say(format_args!("fezz: descriptor limit raised from {before} to {now}"));
    }
    say(report::ready(server.addresses(), count, server.event_loops(), server.workers()));
    server.run().map_err(refused(Task::Serve))
}

/// Descriptors below which serving makes no sense: for each loop a poll, a waker and a listener
/// per address, and a few for files, functions and connections.
fn descriptors_least(config: &Config) -> u64 {
    let listeners = u64::try_from(config.listeners.len()).unwrap_or(u64::MAX);
    listeners.saturating_add(2).saturating_mul(config.event_loops.into()).saturating_add(32)
}

fn settings(
    config: &Config,
    functions: Functions,
    descriptors: u64,
) -> Result<Settings, StartError> {
    let limits = limits(config, descriptors)
        .map_err(|error| StartError::Config(vec![ConfigError::Limits(error)]))?;
    let Functions { registry, router } = functions;
    Ok(Settings {
        listen: config.listeners.clone(),
        event_loops: size(config.event_loops.into()),
        workers: size(config.workers.threads.into()),
        queue_jobs_max: size(config.workers.queue_jobs_max.into()),
        queue_ms_max: millis(config.timeouts.queue).into(),
        drain_ms_max: millis(config.drain.grace).into(),
        limits,
        response_limits: fezz_wire::WireLimits {
            body_bytes_max: size(config.limits.response_body_bytes_max),
            ..fezz_wire::WireLimits::default()
        },
        router,
        functions: registry.into_functions(),
    })
}

/// The limits of one loop: what the operator allows the process is shared out evenly.
fn limits(config: &Config, descriptors: u64) -> Result<Checked, fezz_proto::LimitsError> {
    let (limits, timeouts) = (&config.limits, &config.timeouts);
    let pace = |idle| PaceLimits {
        grace_ms: millis(timeouts.pace_grace),
        rate_bytes_per_s_min: narrow(limits.rate_bytes_per_s_min),
        ceiling_ms: millis(timeouts.pace_ceiling),
        idle_ms: millis(idle),
    };
    fezz_proto::Limits {
        head: HeadLimits {
            request_line_bytes_max: narrow(limits.request_line_bytes_max),
            field_line_bytes_max: narrow(limits.field_line_bytes_max),
            field_section_bytes_max: narrow(limits.field_section_bytes_max),
            field_count_max: u16::try_from(limits.field_count_max).unwrap_or(u16::MAX),
        },
        body_bytes_total_max: limits.buffered_bytes_max.div_ceil(config.event_loops.into()),
        connections_max: config.connections_max(descriptors).div_ceil(config.event_loops),
        requests_per_connection_max: limits.requests_per_connection_max,
        connection_age_ms_max: millis(timeouts.connection_age).into(),
        head_ms_max: millis(timeouts.request_header),
        idle_ms_max: millis(timeouts.keep_alive),
        handle_ms_max: millis(timeouts.handler),
        body_pace: pace(timeouts.body_idle),
        write_pace: pace(timeouts.write_idle),
        linger_ms_max: millis(timeouts.linger),
        linger_bytes_max: narrow(limits.linger_bytes_max),
        ..fezz_proto::Limits::default()
    }
    .check()
}

/// What the units of the command line allow fits these types; the rest is the largest value.
fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn unbound(error: BindError) -> StartError {
    match error {
        BindError::Listen { address, error } => StartError::Listen { address, error },
        BindError::System(error) => StartError::System { doing: Task::Poll, error },
        BindError::TooManyListeners { max } => {
            StartError::Config(vec![ConfigError::TooManyListeners { max }])
        }
    }
}

/// Turns signals into orders on a thread of its own, until the process ends.
fn watch(mut signals: Signals, handle: Handle, delay: Duration) -> std::io::Result<()> {
    let obey = move || {
        // Without signals nobody could end this process in order: better now than never.
        if let Err(error) = obey(&mut signals, &handle, delay) {
            say(format_args!("fezz: cannot wait for signals any more: {error}; draining"));
            handle.drain();
        }
    };
    std::thread::Builder::new().name("fezz-signals".to_owned()).spawn(obey).map(drop)
}

/// The first signal to stop drains, after the delay; the second ends everything now.
fn obey(signals: &mut Signals, handle: &Handle, delay: Duration) -> std::io::Result<()> {
    let first = next_stop(signals, None)?.map_or("no signal", Signal::name);
    say(format_args!("fezz draining: {first}; a second signal ends the process now"));
    let second = if delay.is_zero() { None } else { next_stop(signals, Some(delay))? };
    if second.is_none() {
        handle.drain();
        next_stop(signals, None)?;
    }
    say("fezz ending now: second signal");
    handle.kill();
    Ok(())
}

/// The next signal that asks to stop, or nothing when the patience is over.
fn next_stop(signals: &mut Signals, patience: Option<Duration>) -> std::io::Result<Option<Signal>> {
    loop {
        match signals.wait(patience)? {
            Some(signal) if signal.stops() => return Ok(Some(signal)),
            Some(signal) => {
                let name = signal.name();
                say(format_args!("fezz: {name} is reserved and changes nothing"));
            }
            // An interrupted wait for ever is no end of patience.
            None if patience.is_none() => {}
            None => return Ok(None),
        }
    }
}
