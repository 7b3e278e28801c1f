//! From words to plain data, and what is wrong with some.

use super::super::{Line, Verb};
use super::*;

fn read(words: &[&str]) -> Result<Config, Vec<String>> {
    let line = Line::try_parse_from(["fezz", "serve"].iter().chain(words)).unwrap();
    let Verb::Serve(flags) = line.verb else { panic!("not serve") };
    flags.to_config().map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

#[test]
fn no_flags_are_the_defaults() {
    assert_eq!(read(&[]), Ok(Config::default()));
}

#[test]
fn the_environment_names_a_file_where_no_flag_says_anything() {
    let file = |words: &[&str], environment: Option<&str>| {
        let line = Line::try_parse_from(["fezz", "serve"].iter().chain(words)).unwrap();
        let Verb::Serve(flags) = line.verb else { panic!("not serve") };
        flags.file(environment.map(PathBuf::from)).map(|path| path.display().to_string())
    };
    assert_eq!(file(&[], None), None);
    assert_eq!(file(&[], Some("")), None);
    assert_eq!(file(&[], Some("e")).as_deref(), Some("e"));
    assert_eq!(file(&["--config", "c"], Some("e")).as_deref(), Some("c"));
    assert_eq!(file(&["--workers", "1"], Some("e")), None);
    assert!(Line::try_parse_from(["fezz", "serve", "--config", "c", "--workers", "1"]).is_err());
}

#[test]
fn a_function_alone_takes_everything() {
    let config = read(&["--function", "./a.so"]).unwrap();
    assert_eq!(config.routes.len(), 1);
    assert_eq!(config.routes[0].pattern.to_string(), "/{*rest}");
    let routed = read(&["-f", "a=a.so", "-r", "a=/x", "-r", "a@1=h.org/y"]).unwrap();
    let patterns: Vec<String> =
        routed.routes.iter().map(|route| route.pattern.to_string()).collect();
    assert_eq!(patterns, ["/x", "h.org/y"]);
}

#[test]
fn the_same_artifact_is_loaded_once() {
    let config = read(&["-f", "a=a.so@/x", "-f", "a=a.so@/y", "-f", "b=a.so@/z"]).unwrap();
    assert_eq!(config.functions.len(), 2);
    let targets: Vec<&Target> = config.routes.iter().map(|route| &route.target).collect();
    assert_eq!(targets, [0, 0, 1].map(Target::Function).each_ref());
}

#[test]
fn values_reach_their_place() {
    let words = "--listen 127.0.0.1:0 --listen [::1]:9 --event-loops 3 --workers 5 --queue 7 \
                 --timeout-request-header 1s --timeout-linger 100ms --limit-body 2MiB \
                 --limit-rate-min 1KiB/s --limit-connections 9 --drain-delay 1s --root /r \
                 --abandon-max 2 --set a.ttl=1h --set *.timeout=1s";
    let config = read(&words.split_whitespace().collect::<Vec<_>>()).unwrap();
    assert_eq!(config.listeners.len(), 2);
    assert_eq!((config.event_loops, config.workers.threads), (3, 5));
    assert_eq!((config.workers.queue_jobs_max, config.workers.abandoned_max), (7, 2));
    let options = ["a.ttl=1h", "*.timeout=1s"].map(|text| OptionFlag::parse(text).unwrap());
    assert_eq!(config.options, options);
    assert_eq!(config.timeouts.request_header, Duration::from_secs(1));
    assert_eq!(config.timeouts.linger, Duration::from_millis(100));
    assert_eq!(config.limits.body_bytes_max, 2 << 20);
    assert_eq!(config.limits.rate_bytes_per_s_min, 1 << 10);
    assert_eq!(config.limits.connections_max, Some(9));
    assert_eq!(config.drain.delay, Duration::from_secs(1));
    assert_eq!(config.root, Some(PathBuf::from("/r")));
}

#[test]
fn everything_wrong_is_said_in_one_run() {
    let words = "--function a@x=b --route /x --listen 80 --workers 0 --timeout-handler 30 \
                 --limit-body 1MB --drain-grace 0s \
                 --set a.tll=1s --set a.ttl=1s --set a.ttl=2s";
    let complaints = read(&words.split_whitespace().collect::<Vec<_>>()).unwrap_err();
    let beginnings = [
        "--function 'a@x=b': a version is",
        "--route '/x': write a route as",
        "--set 'a.tll=1s': there is no such key",
        "--set 'a.ttl=2s': the same option",
        "--listen '80': the address is missing",
        "--workers '0': zero",
        "--limit-body '1MB': unknown unit",
        "--timeout-handler '30': the unit is missing",
        "--drain-grace '0s': zero",
    ];
    assert_eq!(complaints.len(), beginnings.len(), "{complaints:#?}");
    for (complaint, beginning) in complaints.iter().zip(beginnings) {
        assert!(complaint.starts_with(beginning), "{complaint}");
    }
}
