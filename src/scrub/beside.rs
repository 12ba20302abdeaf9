//! A shadow policy: judges every request beside the one in force and is asked only what it would do.
//!
//! Invariant: what leaves, and what the client is answered, does not depend on it; when its engine
//! fails, the request does not. Both policies' decisions are noted in the order in which they are
//! made and compared place by place: the n-th value at a path of an event with the n-th value at the
//! same path of the same event. What one policy takes whole is compared with what the other decides
//! inside. Nothing is compared of an event behind the place where one of them drops it: that they
//! disagree about the event is a difference already.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;

use super::differences::{Difference, Differences, Row, key_of};
use super::request::Scrubber;
use super::scratch::{Learned, Scratch};
use super::tally::{Decision, Tally};
use super::{RawRequest, Refusal, Verdict};
use crate::action::Action;
use crate::catalog::{Endpoint, Vendor};

/// See the module.
pub struct Shadow {
    pub(super) scrubber: Scrubber,
    differences: OnceLock<Arc<Differences>>,
}

/// What becomes of a request, in a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Forwarded,
    Answered,
    Rejected,
    Undecodable,
    Stranger,
}

impl End {
    fn of(verdict: &Verdict<'_>) -> Self {
        match verdict {
            Verdict::Forward(_) => Self::Forwarded,
            Verdict::Answer(_) => Self::Answered,
            Verdict::Refuse(Refusal::Policy) => Self::Rejected,
            Verdict::Refuse(Refusal::Decode(_)) => Self::Undecodable,
            Verdict::Refuse(Refusal::Project) => Self::Stranger,
        }
    }

    /// As an action is called that would have this end.
    fn name(self) -> &'static str {
        match self {
            Self::Forwarded => "forward",
            Self::Answered => "answer",
            Self::Rejected => "reject",
            Self::Undecodable | Self::Stranger => "refuse",
        }
    }
}

impl Scrubber {
    /// With a policy that is asked about every request what it would do. What leaves is the same.
    #[must_use]
    pub fn with_shadow(mut self, mut shadow: Shadow) -> Self {
        shadow.scrubber.is_shadow = true;
        self.shadow = Some(Box::new(shadow));
        self
    }

    /// The shadow policy, if there is one.
    #[must_use]
    pub fn shadow(&self) -> Option<&Shadow> {
        self.shadow.as_deref()
    }
}

impl Shadow {
    /// Compares what `scrubber` would do. It judges the same vendors in the same order as the one in
    /// force.
    #[must_use]
    pub fn new(scrubber: Scrubber) -> Self {
        Self {
            scrubber,
            differences: OnceLock::new(),
        }
    }

    /// Counts into a table from now on. To be called before the first request: else the table is one
    /// of its own, and stays so.
    pub fn count_into(&self, differences: &Arc<Differences>) {
        let _ = self.differences.set(Arc::clone(differences));
    }

    /// What was found.
    pub fn differences(&self) -> &Differences {
        self.differences.get_or_init(Arc::default)
    }

    /// The shadow policy's engine.
    #[must_use]
    pub fn scrubber(&self) -> &Scrubber {
        &self.scrubber
    }

    /// Judges a request once more and compares.
    pub(super) fn beside(
        &self,
        raw: &RawRequest<'_>,
        verdict: &Verdict<'_>,
        scratch: &mut Scratch,
    ) {
        let mut own = scratch.beside.take().unwrap_or_default();
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let end = End::of(&self.scrubber.judge(raw, &mut own));
            let found = self.compare(raw, End::of(verdict), end, scratch, &own);
            (own, found)
        }));
        match judged {
            Ok((own, found)) => {
                scratch.report.shadow_differences = found;
                scratch.beside = Some(own);
            }
            Err(_) => self.differences().fail(),
        }
    }

    /// Counts the differences; answers how many there are.
    fn compare(
        &self,
        raw: &RawRequest<'_>,
        in_force: End,
        shadow: End,
        scratch: &Scratch,
        own: &Scratch,
    ) -> u32 {
        let Some(vendor) = self.scrubber.vendors().get(raw.vendor) else {
            return 0;
        };
        let Some(endpoint) = vendor.endpoints.get(raw.endpoint) else {
            return 0;
        };
        let mut found = 0;
        let refused = in_force == shadow && !matches!(in_force, End::Forwarded | End::Answered);
        let counted = (scratch.traced && own.traced && !refused)
            .then(|| Some((learned(scratch, raw)?, learned(own, raw)?)))
            .flatten();
        let mut deciding = Default::default();
        if let Some((a, b)) = counted.and_then(|(a, b)| a.counted.as_ref().zip(b.counted.as_ref()))
        {
            let (a, mut b) = (a.lock(), b.lock());
            let pairs = paired(&a, &b);
            let mut known = std::mem::take(&mut b.pairs);
            for (one, other) in pairs {
                let make = || self.differ(vendor, endpoint, (&a, one), (&b, other));
                let age = self.differences().age();
                if let Some(row) = known.get(a.serial, age, (one.id, other.id), make) {
                    row.inc();
                    found += 1;
                }
            }
            b.pairs = known;
            deciding = (last_stop(&a), last_stop(&b));
        }
        if in_force != shadow {
            found += 1;
            self.differences()
                .row(Difference {
                    vendor: vendor.name.clone(),
                    endpoint: endpoint.name.clone(),
                    field: "(request)".into(),
                    category: "-",
                    inside: false,
                    action_in_force: in_force.name(),
                    action_shadow: shadow.name(),
                    rule_in_force: deciding.0,
                    rule_shadow: deciding.1,
                })
                .inc();
        }
        self.differences()
            .request(&vendor.name, &endpoint.name, found > 0);
        found
    }

    /// The row of two decisions; `None`: they agree.
    fn differ(
        &self,
        vendor: &Vendor,
        endpoint: &Endpoint,
        (a, one): (&Tally, Side),
        (b, other): (&Tally, Side),
    ) -> Option<Arc<Row>> {
        let (of_a, of_b) = (a.decision(one.id)?, b.decision(other.id)?);
        let (in_force, shadow) = (a.effective(of_a), b.effective(of_b));
        if in_force == shadow {
            return None;
        }
        let (near, far) = if other.around {
            (of_a, of_b)
        } else {
            (of_b, of_a)
        };
        Some(self.differences().row(Difference {
            vendor: vendor.name.clone(),
            endpoint: endpoint.name.clone(),
            field: near.field.clone(),
            category: key_of(near.key.category.or(far.key.category)),
            inside: near.key.span,
            action_in_force: in_force.name(),
            action_shadow: shadow.name(),
            rule_in_force: of_a.rule.clone(),
            rule_shadow: of_b.rule.clone(),
        }))
    }
}

fn learned<'s>(scratch: &'s Scratch, raw: &RawRequest<'_>) -> Option<&'s Learned> {
    scratch.plans.get(raw.vendor)?.get(raw.endpoint)?.as_ref()
}

/// The rule that ended the request, or its last event.
fn last_stop(tally: &Tally) -> Box<str> {
    let mut stops = tally.traced().into_iter().rev();
    let found = stops.find_map(|(id, _)| {
        let decision = tally.decision(id)?;
        matches!(decision.action, Action::Reject | Action::DropEvent).then(|| decision.rule.clone())
    });
    found.unwrap_or_default()
}

/// A decision in a comparison.
#[derive(Clone, Copy)]
struct Side {
    id: u32,
    /// Whether it is about what stands around the other's place.
    around: bool,
}

/// One value's place: the event, the path, and which category's part of it.
type Place = (u32, u64, Option<&'static str>);

fn place_of(tally: &Tally, (id, events): (u32, u32)) -> Option<(Place, &Decision)> {
    let decision = tally.decision(id)?;
    let part = decision.key.span.then(|| key_of(decision.key.category));
    Some(((events, decision.place, part), decision))
}

/// The decisions of a trace by their places.
struct Placed<'t> {
    tally: &'t Tally,
    at: HashMap<Place, Vec<u32>>,
    /// What is taken whole, in whichever event.
    whole: HashMap<u64, u32>,
}

impl<'t> Placed<'t> {
    fn new(tally: &'t Tally, trace: &[(u32, u32)]) -> Self {
        let mut at: HashMap<Place, Vec<u32>> = HashMap::new();
        let mut whole = HashMap::new();
        for entry in trace {
            if let Some((place, decision)) = place_of(tally, *entry) {
                at.entry(place).or_default().push(entry.0);
                if decision.action.takes_containers() {
                    whole.insert(decision.place, entry.0);
                }
            }
        }
        Self { tally, at, whole }
    }

    /// What this policy decided around a place about which it decided nothing.
    fn around(&self, place: Place, decision: &Decision) -> Option<u32> {
        let (events, at, part) = place;
        if part.is_some()
            && let Some(text) = self.at.get(&(events, at, None)).and_then(|all| all.first())
        {
            // Where the text goes another way as a whole, that is the difference.
            let of = self.tally.decision(*text)?;
            return (*self.tally.effective(of) == Action::Keep).then_some(*text);
        }
        decision.above.iter().find_map(|above| {
            let here = self.at.get(&(events, *above, None));
            let here = here.and_then(|all| all.first()).copied().filter(|id| {
                let of = self.tally.decision(*id);
                of.is_some_and(|of| of.action.takes_containers())
            });
            here.or_else(|| self.whole.get(above).copied())
        })
    }
}

/// The decisions of both policies that are about the same.
fn paired(a: &Tally, b: &Tally) -> Vec<(Side, Side)> {
    let (of_a, of_b) = (a.traced(), b.traced());
    let exact = |id| Side { id, around: false };
    let around = |id| Side { id, around: true };
    let places = |tally, trace: &[(u32, u32)]| -> Vec<Option<Place>> {
        let place = |entry: &(u32, u32)| place_of(tally, *entry).map(|(place, _)| place);
        trace.iter().map(place).collect()
    };
    if places(a, &of_a) == places(b, &of_b) {
        let both = of_a.iter().zip(&of_b);
        return both.map(|(a, b)| (exact(a.0), exact(b.0))).collect();
    }
    let (in_a, in_b) = (Placed::new(a, &of_a), Placed::new(b, &of_b));
    let mut pairs = Vec::new();
    let mut met: HashMap<Place, usize> = HashMap::new();
    for entry in &of_b {
        let Some((place, decision)) = place_of(b, *entry) else {
            continue;
        };
        let nth = met.entry(place).or_default();
        let twin = in_a.at.get(&place).and_then(|all| all.get(*nth));
        *nth += 1;
        match twin {
            Some(twin) => pairs.push((exact(*twin), exact(entry.0))),
            None => {
                if let Some(id) = in_a.around(place, decision) {
                    pairs.push((around(id), exact(entry.0)));
                }
            }
        }
    }
    let mut seen: HashMap<Place, usize> = HashMap::new();
    for entry in &of_a {
        let Some((place, decision)) = place_of(a, *entry) else {
            continue;
        };
        let nth = seen.entry(place).or_default();
        *nth += 1;
        if *nth > met.get(&place).copied().unwrap_or(0)
            && let Some(id) = in_b.around(place, decision)
        {
            pairs.push((exact(entry.0), around(id)));
        }
    }
    pairs
}
