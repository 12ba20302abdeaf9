//! Checksums of query strings that were changed: renewed with the operator's salt, or refused.
//!
//! A right sum is the client's word that it knows the salt; only then is a new one made.

use super::engine::Judge;
use super::fate::Stop;
use crate::codec::{DecodeError, DecodeErrorKind, checksum};

impl Judge<'_, '_> {
    /// Makes the checksum of a changed query string anew, if it has one. Only a right one is: else
    /// anybody could have any event signed here.
    pub(super) fn renew(&mut self, query: &str, out: &mut String) -> Result<(), Stop> {
        let plan = self.plan;
        let Some(name) = plan.place().and_then(|place| place.checksum.as_deref()) else {
            return Ok(());
        };
        if !out
            .split('&')
            .any(|pair| pair.split('=').next() == Some(name))
        {
            return Ok(());
        }
        let salt = self
            .salt
            .ok_or_else(|| DecodeError::new(DecodeErrorKind::Salt, "query", 0))?;
        let new = checksum::verify(query, name, salt.expose())
            .and_then(|how| checksum::renew(out, name, salt.expose(), how));
        *out = new.ok_or_else(|| DecodeError::new(DecodeErrorKind::Corrupt, "checksum", 0))?;
        Ok(())
    }
}
