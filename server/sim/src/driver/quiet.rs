//! What must hold whenever nothing can move: nobody was forgotten, and everybody has an end.

use fezz_proto::Phase;

use super::{Driver, Scene, Step};
use crate::oracle::{Rule, Violation};
use crate::plan::Plan;

impl Driver {
    /// What must hold whenever nothing can move: nobody was forgotten.
    ///
    /// # Errors
    ///
    /// Whoever was.
    pub fn check_quiet(&self, scene: &Scene<'_>, now_us: u64) -> Step<()> {
        let mut holds = false;
        for link in self.links() {
            let fail = |rule| Err(Violation::at(link.client, rule));
            let pipe = &scene.pipes[link.client];
            let phase = self.hub.phase(link.id).unwrap_or(Phase::Closed);
            let unsent = self.hub.unsent(link.id).iter().any(|octets| !octets.is_empty());
            if unsent && pipe.is_writable() {
                return fail(Rule::ForgottenWriter);
            }
            if self.hub.wants_read(link.id) && pipe.is_readable() {
                return fail(Rule::ForgottenReader);
            }
            if let Some(channel) = scene.channels.get(link.client) {
                if channel.is_handshaking() && phase == Phase::Handshake && pipe.is_readable() {
                    return fail(Rule::ForgottenReader);
                }
                if self.hub.wants_read(link.id) && channel.may_have_more() && link.readable {
                    return fail(Rule::ForgottenReader);
                }
                if !channel.may_take_more() && pipe.is_writable() {
                    return fail(Rule::ForgottenWriter);
                }
            }
            if phase == Phase::Closed {
                return fail(Rule::ClosedAndKept);
            }
            holds |= matches!(phase, Phase::Body | Phase::Handle);
            let Some(deadline) = self.hub.deadline(link.id) else {
                return fail(Rule::NoDeadline);
            };
            let wakes = self.hub.next_deadline();
            let late_us = deadline.as_micros() + fezz_proto::TICK_US;
            if wakes.is_none_or(|wakes| wakes.as_micros() > late_us) {
                return fail(Rule::DeadlineNotArmed);
            }
            let life_us = life_us_max(scene.plan, link.client);
            if scene.plan.odds.leap == 0 && now_us - link.accepted_us > life_us {
                return fail(Rule::LivesTooLong);
            }
        }
        if !holds && self.hub.body_bytes_held() != 0 {
            return Err(Violation::of(Rule::MemoryHeld));
        }
        Ok(())
    }
}

/// The sum of everything a connection may legally wait for, in microseconds.
fn life_us_max(plan: &Plan, client: usize) -> u64 {
    let limits = &plan.limits;
    let script = &plan.scripts[client];
    let handle_ms = script.requests.iter().map(|request| request.handle_ms_max).max().unwrap_or(0);
    let one_ms = u64::from(limits.idle_ms_max)
        + 2 * u64::from(limits.head_ms_max)
        + u64::from(limits.handle_ms_max)
        + u64::from(handle_ms)
        + u64::from(limits.body_pace.ceiling_ms)
        + u64::from(limits.write_pace.ceiling_ms);
    let rest_ms = u64::from(limits.handshake_ms_max) + u64::from(limits.linger_ms_max);
    let rounds = script.requests.len() as u64 + 1;
    // Every phase may be noticed one tick late, and storms are spread over turns.
    (one_ms * rounds + rest_ms + rounds * 8 * 20 + 1_000) * 1_000
}
