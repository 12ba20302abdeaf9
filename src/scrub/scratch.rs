//! What a thread keeps from one request to the next. Holds values of the last request in its buffers
//! only, which no report shows.

use super::classes::Classes;
use super::memo::Memo;
use super::paths::Paths;
use super::plan::Plan;
use super::pools::Pools;
use super::tally::{Counted, Tally};
use super::{Report, Row};

/// What a thread keeps between requests: buffers, learned paths, the report of the last request.
#[derive(Default)]
pub struct Scratch {
    pub(super) owner: u64,
    pub(super) plans: Vec<Vec<Option<Learned>>>,
    pub(super) pools: Pools,
    pub(super) report: Report,
    pub(super) rows: Option<Vec<Row>>,
    /// Where nothing is counted.
    pub(super) uncounted: Tally,
    /// Whether the last request left a trace.
    pub(super) traced: bool,
    /// What the shadow policy's engine keeps.
    pub(super) beside: Option<Box<Self>>,
}

impl Scratch {
    /// Empty scratch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Empty scratch that keeps a row for each leaf, values included: for `explain`.
    #[must_use]
    pub fn explaining() -> Self {
        Self {
            rows: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// What was done to the last request.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The rows since the last call.
    pub fn take_rows(&mut self) -> Vec<Row> {
        self.rows.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

/// What a thread has learned about one plan.
pub(super) struct Learned {
    pub(super) paths: Paths,
    pub(super) classes: Classes,
    pub(super) memo: Memo,
    /// `None`: nothing is counted.
    pub(super) counted: Option<Counted>,
}

impl Learned {
    pub(super) fn new(plan: &Plan, counted: Option<Counted>) -> Self {
        Self {
            counted,
            paths: Paths::new(plan),
            classes: Classes::default(),
            memo: Memo::default(),
        }
    }
}
