//! Words of paths: those after which a person is named, and those that name a place of the site.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Segments after which one names a person (or what belongs to one).
const COLLECTIONS: &str = "\
    users user u members member customers customer people person profile profiles account \
    accounts patients patient employees employee contacts clients client guests guest students \
    student subscribers subscriber invite invites invitation unsubscribe verify confirm activate \
    reset-password password-reset token sessions session visitors visitor leads lead friends \
    followers wishlists kunden kunde konto benutzer utilisateurs clientes usuarios usuario \
    compte cuenta";

/// Segments that name a place of the site even there.
const ROUTES: &str = "\
    about activity address addresses admin all api app apps avatar basket billing bookings cart \
    checkout complete confirmation contact create dashboard delete details devices documents \
    done download edit email emails error export faq favorites favourites feed forgot \
    forgot-password groups help history home import inbox index info invite invoices join list \
    locations login logout manage me members membership messages new notifications onboarding \
    order orders overview password payment payments plan plans posts preferences privacy profile \
    purchases recover register reset returns review reviews rewards roles saved search security \
    self session sessions settings share shop sign-in sign-out sign-up signin signout signup \
    start status step subscription subscriptions success summary support team teams terms thanks \
    thank-you tickets update upgrade upload usage users verify view wallet welcome wishlist";

/// Whether a person (or what belongs to one) is named after this segment. In lower case.
pub(super) fn is_collection(segment: &str) -> bool {
    static SET: LazyLock<HashSet<&str>> = LazyLock::new(|| COLLECTIONS.split(' ').collect());
    SET.contains(segment)
}

/// Whether this segment names a place of the site, even after a collection. In lower case.
pub(super) fn is_route(segment: &str) -> bool {
    static SET: LazyLock<HashSet<&str>> = LazyLock::new(|| ROUTES.split(' ').collect());
    SET.contains(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert!(is_collection("users") && is_collection("reset-password"));
        assert!(is_route("settings") && !is_route("jane"));
        for word in COLLECTIONS.split(' ').chain(ROUTES.split(' ')) {
            assert!(!word.is_empty() && word == word.to_lowercase());
        }
    }
}
