//! Every metric there is: name, type, labels, and one line of what it says.

use super::page::{Family, Kind};

/// Declares families, and the list of all of them.
macro_rules! families {
    ($($id:ident $kind:ident $name:literal [$($label:literal)*] $help:literal;)*) => {
        $(pub(crate) const $id: Family = Family {
            name: $name,
            kind: Kind::$kind,
            labels: &[$($label),*],
            help: $help,
        };)*

        /// All metrics, in the order of the page.
        pub const FAMILIES: &[Family] = &[$($id),*];
    };
}

families! {
    REQUEST_DURATION Histogram "http_server_request_duration_seconds"
        ["http_request_method" "url_scheme" "http_response_status_code" "http_route"
         "network_protocol_version" "error_type" "otel_metric_overflow"]
        "Time from the first octet of a request until all of its answer was sent or promised.";
    ACTIVE_REQUESTS Gauge "http_server_active_requests" ["http_request_method" "url_scheme"]
        "Requests whose head has arrived and whose answer has not left.";
    INVOKE_DURATION Histogram "faas_invoke_duration_seconds"
        ["faas_name" "faas_version" "faas_trigger" "otel_metric_overflow"]
        "Time that calls of a function took.";
    INIT_DURATION Histogram "faas_init_duration_seconds"
        ["faas_name" "faas_version" "faas_trigger"]
        "Time that a function took to begin, or to be asked again.";
    INVOCATIONS Counter "faas_invocations_total"
        ["faas_name" "faas_version" "faas_trigger" "otel_metric_overflow"]
        "Calls of a function whose answer was a reply.";
    ERRORS Counter "faas_errors_total"
        ["faas_name" "faas_version" "faas_trigger" "otel_metric_overflow"]
        "Calls of a function that failed.";
    TIMEOUTS Counter "faas_timeouts_total"
        ["faas_name" "faas_version" "faas_trigger" "otel_metric_overflow"]
        "Calls of a function whose answer did not come in time.";
    COLDSTARTS Counter "faas_coldstarts_total" ["faas_name" "faas_version" "faas_trigger"]
        "Calls that waited for a function to begin anew.";
    FUNCTION_INFO Gauge "fezz_function_info" ["faas_name" "faas_version" "abi" "sha256"]
        "Always 1: the artifact that answers for a function, by the first digits of its digest.";
    FUNCTION_GENERATIONS Gauge "fezz_function_generations" ["faas_name"]
        "Artifacts of a function that were loaded and cannot be unloaded.";
    FUNCTIONS Gauge "fezz_functions" ["state"]
        "Artifacts that serve, and artifacts that no route leads to any more.";
    DISPATCH_ERRORS Counter "fezz_dispatch_errors_total" ["faas_name" "faas_version" "stage"]
        "Dispatches that failed, by the stage they failed in.";
    FALLBACKS Counter "fezz_fallbacks_total" ["faas_name" "faas_version" "policy"]
        "Failed dispatches that had another ending, by the remedy.";
    LATE_ANSWERS Counter "fezz_late_answers_total" ["faas_name" "faas_version"]
        "Answers that came after their deadline and were dropped.";
    RESCUES Counter "fezz_rescues_total" ["faas_name" "faas_version"]
        "Loops that were taken from a thread inside a function.";
    CONNECTIONS_ACCEPTED Counter "fezz_connections_accepted_total" ["listener"]
        "Connections taken.";
    CONNECTIONS_ACTIVE Gauge "fezz_connections_active" ["state"]
        "Connections by what they are doing.";
    CONNECTIONS_CLOSED Counter "fezz_connections_closed_total" ["state" "reason"]
        "Connections that ended, by what they were doing and what ended them.";
    CONNECTIONS_REJECTED Counter "fezz_connections_rejected_total" ["reason"]
        "Connections that were not taken.";
    ACCEPT_FAILURES Counter "fezz_accept_failures_total" ["reason"]
        "Attempts to take a connection that failed.";
    PROXY_FAULTS Counter "fezz_proxy_header_faults_total" ["reason"]
        "PROXY headers that were wrong.";
    CONNECTIONS_SHED Counter "fezz_connections_shed_total" []
        "Idle connections told to leave because there was no room for new ones.";
    NETWORK_BYTES Counter "fezz_network_bytes_total" ["direction"]
        "Octets of HTTP received and sent, without those of TLS.";
    TLS_HANDSHAKES Counter "fezz_tls_handshakes_total" ["version" "resumed"]
        "TLS handshakes that finished.";
    TLS_HANDSHAKE_FAILURES Counter "fezz_tls_handshake_failures_total" ["reason"]
        "TLS handshakes that failed.";
    TLS_HANDSHAKE_DURATION Histogram "fezz_tls_handshake_duration_seconds" []
        "Time from accept to the end of a TLS handshake that finished.";
    CERTIFICATE_NOT_AFTER Gauge "fezz_tls_certificate_not_after_timestamp_seconds"
        ["certificate"]
        "The last second in which a certificate is valid, since 1970.";
    CERTIFICATE_RELOADS Counter "fezz_tls_certificate_reloads_total" ["result"]
        "Times that changed certificates were taken, or left because they are no good.";
    HTTP_REJECTED Counter "fezz_http_rejected_total" ["reason"]
        "Requests that got no answer of a function.";
    HTTP_TIMEOUTS Counter "fezz_http_timeouts_total" ["phase"]
        "Deadlines of connections that passed.";
    REQUESTS_LIMITED Counter "fezz_requests_limited_total" ["policy" "kind"]
        "Requests that a policy refused, or would have where it is on trial.";
    RATE_LIMIT_DISPLACED Counter "fezz_rate_limit_displaced_total" ["policy"]
        "Callers whose rate was forgotten because there were too many of them.";
    POLICY_REQUESTS Gauge "fezz_policy_requests" ["policy"]
        "Requests under way that a policy counts.";
    OWN_ANSWERS Counter "fezz_own_answers_total" []
        "Requests that the server answered itself, without refusing them.";
    STALE_REPLIES Counter "fezz_stale_replies_total" []
        "Replies of functions that nobody waited for any more.";
    KEEP_ALIVES Counter "fezz_keep_alives_total" []
        "Exchanges after which the connection stayed.";
    DISPATCHES Counter "fezz_dispatches_total" []
        "Requests handed over to a function.";
    WORKERS Gauge "fezz_workers" ["state"]
        "Workers that wait, workers inside a call, and threads given up inside one.";
    WORKERS_ABANDONED Counter "fezz_workers_abandoned_total" ["faas_name" "faas_version"]
        "Calls that were given up with their thread.";
    QUEUE_LENGTH Gauge "fezz_queue_length" []
        "Requests that wait for a worker.";
    QUEUE_WAIT Histogram "fezz_queue_wait_seconds" []
        "Time that requests waited for a worker.";
    LOOP_LAG Histogram "fezz_event_loop_lag_seconds" ["loop"]
        "Time that turns of an event loop took: how long an event waits at most.";
    BUFFERED_BYTES Gauge "fezz_buffered_bytes" []
        "Octets of memory that hold content of requests.";
    CONFIG_RELOADS Counter "fezz_config_reloads_total" ["result"]
        "Reloads of the configuration.";
    CONFIG_LAST_RELOAD_SUCCESSFUL Gauge "fezz_config_last_reload_successful" []
        "Whether the last reload changed what is served; 1 before the first.";
    CONFIG_LAST_RELOAD_TIME Gauge "fezz_config_last_reload_success_timestamp_seconds" []
        "When what is served was last read, in seconds since 1970.";
    READY Gauge "fezz_ready" []
        "Whether requests should be sent here; what /readyz says.";
    DRAINING Gauge "fezz_draining" []
        "Whether the server is on its way to its end.";
    LOOPS_STUCK Gauge "fezz_event_loops_stuck" []
        "Event loops that did not answer in time.";
    LOG_DROPPED Counter "fezz_log_dropped_total" ["log"]
        "Lines that were not written because whoever reads them was too slow.";
    NOTICES_DROPPED Counter "fezz_notices_dropped_total" []
        "Events that were not counted because too much happened in one turn.";
    FORBIDDEN Counter "fezz_forbidden_total" []
        "Uses of the connection core against its table. Above 0 it is a bug of ours.";
    BUILD_INFO Gauge "fezz_build_info" ["version" "revision" "rustc" "tls"]
        "Always 1: what this program was built from.";
    PROCESS_CPU Counter "process_cpu_seconds_total" []
        "Processor time that the process used.";
    PROCESS_RESIDENT Gauge "process_resident_memory_bytes" []
        "Memory that the process has in RAM.";
    PROCESS_VIRTUAL Gauge "process_virtual_memory_bytes" []
        "Addresses that the process has in use.";
    PROCESS_FDS Gauge "process_open_fds" []
        "Descriptors that the process has open.";
    PROCESS_FDS_MAX Gauge "process_max_fds" []
        "Descriptors that the process may have open.";
    PROCESS_THREADS Gauge "process_threads" []
        "Threads of the process.";
    PROCESS_START Gauge "process_start_time_seconds" []
        "When the process began, in seconds since 1970.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_those_of_the_conventions() {
        let names: BTreeSet<_> = FAMILIES.iter().map(|family| family.name).collect();
        assert_eq!(names.len(), FAMILIES.len(), "each once");
        for Family { name, kind, help, .. } in FAMILIES {
            assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert!(*kind != Kind::Histogram || name.ends_with("_seconds"), "{name}");
            assert!(help.ends_with('.') && !help.contains('\n') && !help.contains('\\'), "{name}");
        }
    }
}
