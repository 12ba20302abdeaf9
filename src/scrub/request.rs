//! A whole request: query, headers, path and body judged, put together again as a
//! [`CleanRequest`]. This file holds the only constructor of that type.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;

use super::beside::Shadow;
use super::engine::{Found, Judge, Level, encode};
use super::epoch::{Countries, Keys};
use super::facts::{self, Facts};
use super::fate::{Fate, Stop, Text};
use super::headers::{
    asks_for_privacy, auth_parameters, basic_user, boundary, choose, content_coding,
    is_media_ranges, is_session, known_codings, quoted, visible,
};
use super::heard::Heard;
use super::issued::{is_issued, is_issued_token};
use super::paths::{ROOT, Source};
use super::places::answer;
use super::plan::{NO_RULE, Plan};
use super::scratch::{Learned, Scratch};
use super::tally::Sightings;
use super::{CleanRequest, RawRequest, Refusal, Report, Verdict};
use crate::catalog::{Endpoint, Kind, Layer, ParamFormat, PathSegment, Vendor};
use crate::codec::{self, DecodeError, DecodeErrorKind, form};
use crate::policy::CompiledPolicy;
use crate::selector::Step;
use crate::sensitive::{SecretKey, SecretText};

/// All plans of one policy: what judges requests. Shared by all threads.
pub struct Scrubber {
    keys: ArcSwap<Keys>,
    countries: Countries,
    vendors: Vec<Arc<Vendor>>,
    /// Made when the first request for the endpoint comes: a proxy serves few of the catalogs.
    plans: Vec<Vec<OnceLock<Option<Plan>>>>,
    policy: Arc<CompiledPolicy>,
    /// By vendor: the salt of its checksums.
    salts: Vec<Option<SecretText>>,
    /// Where it is counted what was decided; empty: nowhere.
    pub(super) sightings: OnceLock<Arc<Sightings>>,
    /// The policy that is only asked what it would do.
    pub(super) shadow: Option<Box<Shadow>>,
    /// Whether this is the engine of such a policy.
    pub(super) is_shadow: bool,
}

impl Scrubber {
    /// Judges requests to these vendors under a policy. `primary` is the pseudonym key.
    #[must_use]
    pub fn new(
        policy: Arc<CompiledPolicy>,
        vendors: Vec<Arc<Vendor>>,
        primary: &SecretKey,
    ) -> Self {
        let plans = vendors
            .iter()
            .map(|vendor| {
                let empty = vendor.endpoints.iter().map(|_| OnceLock::new());
                empty.collect()
            })
            .collect();
        Self {
            keys: ArcSwap::from_pointee(Keys::new(&policy, &vendors, primary, 0)),
            countries: Countries::default(),
            vendors,
            plans,
            policy,
            salts: Vec::new(),
            sightings: OnceLock::new(),
            shadow: None,
            is_shadow: false,
        }
    }

    /// With the salts of vendors' checksums, by the vendors' names.
    #[must_use]
    pub fn with_salts(mut self, mut salts: Vec<(String, SecretText)>) -> Self {
        let vendors = self.vendors.iter();
        self.salts = vendors
            .map(|vendor| {
                let at = salts.iter().position(|(name, _)| **name == *vendor.name)?;
                Some(salts.swap_remove(at).1)
            })
            .collect();
        self
    }

    /// With what is known about countries.
    #[must_use]
    pub fn with_countries(mut self, countries: Countries) -> Self {
        self.countries = countries;
        self
    }

    /// From the next request on, pseudonyms are those of this key; requests that have begun go on
    /// with theirs.
    pub fn use_key(&self, primary: &SecretKey, epoch: u32) {
        if let Some(shadow) = &self.shadow {
            shadow.scrubber.use_key(primary, epoch);
        }
        let keys = Keys::new(&self.policy, &self.vendors, primary, epoch);
        self.keys.store(Arc::new(keys));
    }

    /// The vendors, in the order of [`RawRequest::vendor`].
    #[must_use]
    pub fn vendors(&self) -> &[Arc<Vendor>] {
        &self.vendors
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &CompiledPolicy {
        &self.policy
    }

    fn plan(&self, vendor: usize, endpoint: usize) -> Option<&Plan> {
        let plan = self.plans.get(vendor)?.get(endpoint)?;
        let make = || Plan::new(self.vendors.get(vendor)?, endpoint, &self.policy);
        plan.get_or_init(make).as_ref()
    }

    /// Judges a request.
    pub fn scrub<'p>(&'p self, raw: &RawRequest<'_>, scratch: &mut Scratch) -> Verdict<'p> {
        let verdict = self.judge(raw, scratch);
        if let Some(shadow) = &self.shadow {
            shadow.beside(raw, &verdict, scratch);
        }
        verdict
    }

    /// The same without a look at the shadow policy.
    pub(super) fn judge<'p>(&'p self, raw: &RawRequest<'_>, scratch: &mut Scratch) -> Verdict<'p> {
        scratch.report = Report::default();
        scratch.traced = false;
        let plan = self.plan(raw.vendor, raw.endpoint);
        let Some((plan, place)) = plan.and_then(|plan| Some((plan, plan.place()?))) else {
            return refuse(DecodeErrorKind::Unsupported, "endpoint");
        };
        // A recording is sent only if the policy has a rule about this very endpoint.
        if place.kind == Kind::Replay && !plan.by_endpoint {
            return Verdict::Answer(answer(place, 0, &[]));
        }
        let keys = self.keys.load();
        let Some(pseudonymizer) = keys.vendors.get(raw.vendor) else {
            return refuse(DecodeErrorKind::Unsupported, "endpoint");
        };
        self.own(scratch, keys.id);
        let known = self.facts(plan, raw);
        let Some(slot) = scratch
            .plans
            .get_mut(raw.vendor)
            .and_then(|plans| plans.get_mut(raw.endpoint))
        else {
            return refuse(DecodeErrorKind::Unsupported, "endpoint");
        };
        let learned = self.learned(slot, plan);
        let mut locked;
        let tally = match &learned.counted {
            None => &mut scratch.uncounted,
            Some(counted) => {
                locked = counted.lock();
                &mut *locked
            }
        };
        tally.begin();
        scratch.traced = tally.tracing;
        let mut judge = Judge {
            plan,
            paths: &mut learned.paths,
            classes: &mut learned.classes,
            memo: &mut learned.memo,
            pools: &mut scratch.pools,
            report: &mut scratch.report,
            rows: scratch.rows.as_mut(),
            class: 0,
            mask: Arc::default(),
            pseudonymizer,
            country_of: self.countries.of_address.as_deref(),
            facts: known,
            outer: known,
            request: known,
            folds: 0,
            body_limit: raw.body_limit,
            located: None,
            heard: Heard::default(),
            shadowed: false,
            inside: None,
            boundary: None,
            unfold_left: raw.body_limit.saturating_mul(4),
            answers: 0,
            each: Vec::new(),
            last: 0,
            tally,
            missed: None,
            random: false,
            projects: raw.projects,
            salt: self.salts.get(raw.vendor).and_then(Option::as_ref),
            project_seen: false,
            project_other: false,
        };
        judge.start();
        let observe = self.policy.observe;
        match judge.request(raw, place, observe) {
            Ok(Some(clean)) => Verdict::Forward(clean),
            Ok(None) | Err(Stop::DropEvent) => {
                Verdict::Answer(answer(place, judge.answers, &judge.each))
            }
            Err(Stop::Refuse(refusal)) => Verdict::Refuse(refusal),
        }
    }

    /// What is known before anything is read.
    fn facts(&self, plan: &Plan, raw: &RawRequest<'_>) -> Facts {
        let mut known = Facts {
            gpc: asks_for_privacy(raw),
            country: self.countries.of(plan, raw),
            ..Facts::default()
        };
        facts::of_headers(plan, raw, &mut known);
        known
    }

    /// What a thread knows about an endpoint; begun afresh when it is too much.
    fn learned<'s>(&self, slot: &'s mut Option<Learned>, plan: &Plan) -> &'s mut Learned {
        let new = || Learned::new(plan, self.counted(plan));
        let learned = slot.get_or_insert_with(new);
        if learned.classes.full() || learned.paths.full() {
            *learned = new();
        }
        learned
    }

    fn own(&self, scratch: &mut Scratch, id: u64) {
        if scratch.owner != id {
            scratch.owner = id;
            scratch.plans = self
                .plans
                .iter()
                .map(|plans| plans.iter().map(|_| None).collect())
                .collect();
        }
    }
}

impl Judge<'_, '_> {
    /// `None`: nothing is left to forward.
    fn request(
        &mut self,
        raw: &RawRequest<'_>,
        place: &Endpoint,
        observe: bool,
    ) -> Result<Option<CleanRequest>, Stop> {
        let path = self.path(raw.path, place)?;
        let query = self.whole_query(raw, place, observe)?;
        let mut headers = Vec::new();
        let mut body = self.pools.bytes();
        let fate = self.whole_body(raw, place, &mut headers, &mut body)?;
        if fate == Fate::Same || observe {
            body.clear();
            body.extend_from_slice(raw.body);
        }
        self.headers(raw, place, &mut headers)?;
        if self.project_other
            || (!raw.projects.is_empty() && !self.project_seen && place.kind == Kind::Collect)
        {
            return Err(Stop::Refuse(Refusal::Project));
        }
        let path = match (&place.locator, self.located.take()) {
            (None, _) => path,
            (Some(locator), Some(project)) => {
                format!("{}{project}{}", locator.path.0, locator.path.1)
            }
            // To nobody in particular: to nobody.
            (Some(_), None) => {
                return Err(DecodeError::new(DecodeErrorKind::Shape, "envelope", 0).into());
            }
        };
        let emptied = self.report.events_in > 0 && self.report.events_out == 0;
        if !observe && (fate == Fate::Nothing || emptied) {
            return Ok(None);
        }
        let with_query = |path: &str| match &query {
            Some(query) if !query.is_empty() => format!("{path}?{query}"),
            _ => path.to_owned(),
        };
        Ok(Some(CleanRequest {
            method: raw.method.into(),
            upstream: place.upstream.clone(),
            upstream_target: upstream_path(raw.path, place, &path).map(|path| with_query(&path)),
            target: with_query(&path),
            headers,
            body,
        }))
    }

    /// Segments that the catalog names are judged; the others are the catalog's own text.
    fn path(&mut self, path: &str, place: &Endpoint) -> Result<String, Stop> {
        let Some(pattern) = place.paths.iter().find(|p| p.matches(path)) else {
            let error = DecodeError::new(DecodeErrorKind::Shape, "path", 0);
            return Err(error.into());
        };
        let mut out = String::with_capacity(path.len());
        let given = path.strip_prefix('/').unwrap_or(path).split('/');
        for (have, want) in given.zip(
            pattern
                .segments
                .iter()
                .map(Some)
                .chain(std::iter::repeat(None)),
        ) {
            out.push('/');
            match want {
                Some(PathSegment::Param(name)) => {
                    let mut text = String::new();
                    form::decode(have.replace('+', "%2B").as_bytes(), &mut text)?;
                    if let Some(param) = place.params.iter().find(|p| *p.name == **name) {
                        self.segment(param, have, &text, &mut out)?;
                        continue;
                    }
                    let single = self.single("$path", name, &text)?;
                    match single.text {
                        Some(new) if new == text => out.push_str(have),
                        Some(new) => form::encode(&new, &mut out),
                        None => out.push('-'),
                    }
                }
                Some(PathSegment::Glob(_)) => {
                    self.nameless(have)?;
                    out.push_str(have);
                }
                Some(PathSegment::Literal(_)) | None => out.push_str(have),
            }
        }
        Ok(out)
    }

    /// A segment that unfolds as a parameter does: `$path.<name>.…`.
    fn segment(
        &mut self,
        param: &ParamFormat,
        have: &str,
        text: &str,
        out: &mut String,
    ) -> Result<(), Stop> {
        let parent = self.paths.child(self.plan, ROOT, ROOT, "$path");
        let at = self.paths.child(self.plan, parent, parent, &param.name);
        let mut new = self.pools.bytes();
        let (layers, level) = (&param.layers, Level::Value);
        match self.layers(layers, param.cesu8, text.as_bytes(), at, level, &mut new)? {
            Fate::Same => out.push_str(have),
            Fate::Nothing => out.push('-'),
            Fate::Changed => match std::str::from_utf8(&new) {
                Ok(text) => form::encode(text, out),
                Err(_) => out.push('-'),
            },
        }
        self.pools.give_bytes(new);
        Ok(())
    }

    /// A segment that is partly the client's own text (a script's file name) is let through only if
    /// nothing in it names anyone: rewritten it would lead nowhere.
    fn nameless(&mut self, segment: &str) -> Result<(), Stop> {
        let mut text = String::new();
        form::decode(segment.replace('+', "%2B").as_bytes(), &mut text)?;
        let path = self.paths.child(self.plan, ROOT, ROOT, "$path");
        let found = Found {
            path,
            rule: NO_RULE,
            category: None,
            source: Source::None,
            protocol: true,
            project: false,
        };
        match self.inner(&text, found, 0)? {
            Text::Keep => Ok(()),
            Text::Remove
            | Text::Null
            | Text::Whole(_)
            | Text::Number(_)
            | Text::Patched(_)
            | Text::DropEvent => Err(DecodeError::new(DecodeErrorKind::Shape, "path", 0).into()),
        }
    }

    fn whole_query(
        &mut self,
        raw: &RawRequest<'_>,
        place: &Endpoint,
        observe: bool,
    ) -> Result<Option<String>, Stop> {
        let query = raw.query.unwrap_or("");
        let mut out = String::new();
        let fate = if place.query_event && raw.body.is_empty() && !query.is_empty() {
            let base = self.query_base();
            self.query_event(query, base, &mut out)?
                .ok_or(Stop::DropEvent)?
        } else {
            self.query(query, &place.params, &mut out)?
        };
        Ok(if fate == Fate::Same || observe {
            raw.query.map(str::to_owned)
        } else {
            Some(out)
        })
    }

    /// Decodes, judges and encodes the body; writes the headers that describe it.
    fn whole_body(
        &mut self,
        raw: &RawRequest<'_>,
        place: &Endpoint,
        headers: &mut Vec<(Box<str>, String)>,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        if raw.body.is_empty() {
            let params = self.report.events_in > 0;
            if place.kind == Kind::Collect && !params {
                return Err(DecodeError::new(DecodeErrorKind::Empty, "body", 0).into());
            }
            return Ok(Fate::Same);
        }
        if raw.body.len() > raw.body_limit {
            return Err(DecodeError::new(DecodeErrorKind::TooLarge, "body", raw.body_limit).into());
        }
        let (format, media_type) = choose(raw, place)?;
        if let Some(media_type) = &media_type {
            self.answer_hits(
                "$header.content-type",
                media_type.split(';').next().unwrap_or(""),
            );
        }
        let coding = content_coding(raw)?;
        let mut plain = self.pools.bytes();
        let body = match coding {
            Some(coding) => {
                codec::decode(coding, raw.body, raw.body_limit, &mut plain)?;
                &plain
            }
            None => raw.body,
        };
        let mut new = self.pools.bytes();
        let parted = matches!(format.layers.last(), Some(Layer::Multipart(_)));
        self.boundary = if parted { boundary(raw) } else { None };
        let mut fate = self.layers(
            &format.layers,
            format.cesu8,
            body,
            ROOT,
            Level::Events,
            &mut new,
        )?;
        if fate == Fate::Changed {
            match coding {
                Some(coding) => encode(coding, &new, out)?,
                None => std::mem::swap(out, &mut new),
            }
        } else if let Some(coding) = coding.filter(|_| fate == Fate::Same)
            && codec::layers::may_carry_more(coding, raw.body)
        {
            encode(coding, &plain, out)?;
            fate = Fate::Changed;
        }
        self.pools.give_bytes(plain);
        self.pools.give_bytes(new);
        if let Some(mut media_type) = media_type {
            if let Some(boundary) = self.boundary.take() {
                media_type.push_str(&format!("; boundary={}", quoted(&boundary)));
            }
            headers.push(("content-type".into(), media_type));
        }
        if let Some(coding) = coding {
            headers.push(("content-encoding".into(), coding.token().to_owned()));
        }
        Ok(fate)
    }

    /// Header fields other than those of the body: an allow list, and what a rule generalises.
    fn headers(
        &mut self,
        raw: &RawRequest<'_>,
        place: &Endpoint,
        out: &mut Vec<(Box<str>, String)>,
    ) -> Result<(), Stop> {
        for &(name, value) in raw.headers {
            let listed = |list: &[Box<str>]| list.iter().any(|l| **l == *name);
            let new = if listed(&place.headers) || raw.extra_headers.iter().any(|l| l == name) {
                self.header_as_it_came(name, value)?
            } else if listed(&place.judged_headers)
                && let Some(param) = place.params.iter().find(|p| *p.name == *name)
            {
                self.unfold_header(param, value)?
            } else if listed(&place.judged_headers) {
                let single = self.single("$header", name, value)?;
                // Of an agent of which nothing may be said none is sent: this one is a robot's.
                let robot = name == "user-agent" && !value.contains("(compatible)");
                single.text.filter(|text| {
                    single.explicit && !(robot && text == "Mozilla/5.0 (compatible)")
                })
            } else {
                match name {
                    "accept" => Some(value.to_owned()).filter(|v| is_media_ranges(v)),
                    "accept-encoding" => Some(known_codings(value)).filter(|v| !v.is_empty()),
                    _ => None,
                }
            };
            let twice = out.iter().any(|(had, _)| **had == *name);
            if let Some(new) = new.filter(|v| !twice && visible(v)) {
                out.push((name.into(), new));
            }
        }
        force_headers(place, out);
        Ok(())
    }

    /// What the vendor authenticates with: as it came, and its project is noted. A person's session
    /// (a JWT but for the vendor's own), or credentials in which someone is named, stay behind.
    fn header_as_it_came(&mut self, name: &str, value: &str) -> Result<Option<String>, Stop> {
        let parent = self.paths.child(self.plan, ROOT, ROOT, "$header");
        let path = self.paths.child(self.plan, parent, parent, name);
        // Without the scheme's name: credentials are expected here.
        let credentials = value.split_once(' ').map_or(value, |(_, rest)| rest.trim());
        if self.paths.get(path).project {
            let user = basic_user(value);
            self.project(user.as_deref().unwrap_or(credentials));
        }
        if is_session(value) {
            let issued = self.paths.get(path).issued && is_issued_token(value);
            return Ok(issued.then(|| value.to_owned()));
        }
        let found = Found {
            protocol: true,
            ..self.found(path)
        };
        self.count_passed(found);
        let Some(parameters) = auth_parameters(credentials) else {
            let fate = self.inner(credentials, found, 0)?;
            return Ok((fate == Text::Keep).then(|| value.to_owned()));
        };
        // `key=…, version=7`: each is a text of its own.
        for (key, text) in parameters {
            let child = self.paths.child(self.plan, path, path, key);
            if self.paths.get(child).project {
                self.project(text);
            }
            if !is_issued(text) && self.inner(text, found, 0)? != Text::Keep {
                return Ok(None);
            }
        }
        Ok(Some(value.to_owned()))
    }
}

/// `$header.<name>` in `set`, `replace` and `remove`.
fn force_headers(place: &Endpoint, out: &mut Vec<(Box<str>, String)>) {
    for set in &place.sets {
        let [Step::Key(base), Step::Key(name)] = set.field.steps() else {
            continue;
        };
        if **base != *"$header" {
            continue;
        }
        let before = out.len();
        out.retain(|(had, _)| had != name);
        if let Some(json) = &set.value
            && (set.add || out.len() < before)
        {
            out.push((name.clone(), super::fields::plain(json)));
        }
    }
}

/// The vendor's own path, if the catalog has another one: its `:name` segments as they were judged.
fn upstream_path(came: &str, place: &Endpoint, judged: &str) -> Option<String> {
    let written = place.upstream_path.as_deref()?;
    let pattern = place.paths.iter().find(|p| p.matches(came))?;
    let segments = judged.strip_prefix('/').unwrap_or(judged).split('/');
    let named = |name: &str| {
        let mut pairs = pattern.segments.iter().zip(segments.clone());
        pairs.find_map(|(want, have)| match want {
            PathSegment::Param(known) if **known == *name => Some(have),
            PathSegment::Param(_) | PathSegment::Literal(_) | PathSegment::Glob(_) => None,
        })
    };
    let filled = written.split('/').map(|segment| {
        let name = segment.strip_prefix(':').and_then(named);
        name.unwrap_or(segment)
    });
    Some(filled.collect::<Vec<_>>().join("/"))
}

fn refuse<'p>(kind: DecodeErrorKind, layer: &'static str) -> Verdict<'p> {
    Verdict::Refuse(Refusal::Decode(DecodeError::new(kind, layer, 0)))
}
