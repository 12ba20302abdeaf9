//! Shapes of tokens that their issuers publish: data for `secret`.
//!
//! Nothing here looks at a text.

/// A known shape: prefix, what follows, how much of it.
pub(super) struct Shape {
    pub(super) prefix: &'static str,
    pub(super) body: fn(u8) -> bool,
    pub(super) least: usize,
    pub(super) most: usize,
}

const fn shape(prefix: &'static str, body: fn(u8) -> bool, least: usize, most: usize) -> Shape {
    Shape {
        prefix,
        body,
        least,
        most,
    }
}

pub(super) fn alnum(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}
pub(super) fn wordy(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}
pub(super) fn dotted(b: u8) -> bool {
    wordy(b) || b == b'.' || b == b'='
}
pub(super) fn hex(b: u8) -> bool {
    b.is_ascii_hexdigit()
}
pub(super) fn upper(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

/// Shapes that issuers publish. Public identifiers (`pk_live_…`, project tokens) are not among them.
#[rustfmt::skip]
pub(super) const SHAPES: &[Shape] = &[
    shape("AGE-SECRET-KEY-1", upper, 50, 62),
    shape("AIza", wordy, 35, 35),
    shape("AKIA", upper, 16, 16),
    shape("ASIA", upper, 16, 16),
    shape("ABIA", upper, 16, 16),
    shape("ACCA", upper, 16, 16),
    shape("ATATT3", dotted, 60, 300),
    shape("ATCTT3", dotted, 60, 300),
    shape("ATBB", alnum, 28, 40),
    shape("EAACEdEose0cBA", alnum, 20, 300),
    shape("EAAA", wordy, 56, 80),
    shape("EZAK", alnum, 54, 54),
    shape("EZTK", alnum, 54, 54),
    shape("GOCSPX-", wordy, 20, 40),
    shape("GR1348941", wordy, 15, 60),
    shape("NRAK-", upper, 27, 27),
    shape("NRJS-", hex, 19, 19),
    shape("PMAK-", wordy, 50, 70),
    shape("SG.", dotted, 50, 80),
    shape("SK", hex, 32, 32),
    shape("dapi", hex, 32, 40),
    shape("doo_v1_", hex, 64, 64),
    shape("dop_v1_", hex, 64, 64),
    shape("dor_v1_", hex, 64, 64),
    shape("dckr_pat_", wordy, 24, 40),
    shape("dp.pt.", alnum, 40, 48),
    shape("dp.st.", dotted, 40, 60),
    shape("dt0c01.", dotted, 60, 110),
    shape("figd_", wordy, 30, 60),
    shape("fm1_", dotted, 60, 500),
    shape("fm2_", dotted, 60, 500),
    shape("fo1_", wordy, 40, 50),
    shape("gho_", alnum, 36, 255),
    shape("ghp_", alnum, 36, 255),
    shape("ghr_", alnum, 36, 255),
    shape("ghs_", alnum, 36, 255),
    shape("ghu_", alnum, 36, 255),
    shape("github_pat_", wordy, 40, 100),
    shape("glagent-", wordy, 20, 60),
    shape("glc_", dotted, 32, 400),
    shape("gldt-", wordy, 20, 60),
    shape("glft-", wordy, 20, 60),
    shape("glimt-", wordy, 20, 60),
    shape("gloas-", wordy, 20, 70),
    shape("glpat-", dotted, 20, 60),
    shape("glptt-", wordy, 20, 60),
    shape("glrt-", wordy, 20, 60),
    shape("glsa_", wordy, 32, 60),
    shape("glsoat-", wordy, 20, 60),
    shape("glcbt-", wordy, 20, 60),
    shape("gsk_", alnum, 40, 60),
    shape("hf_", alnum, 34, 40),
    shape("hvb.", dotted, 90, 300),
    shape("hvs.", dotted, 24, 200),
    shape("key-", hex, 32, 32),
    shape("lin_api_", alnum, 40, 40),
    shape("lsv2_pt_", wordy, 40, 60),
    shape("lsv2_sk_", wordy, 40, 60),
    shape("nfp_", alnum, 36, 40),
    shape("npm_", alnum, 36, 36),
    shape("ntn_", alnum, 40, 60),
    shape("ops_eyJ", dotted, 60, 900),
    shape("pat-eu1-", wordy, 36, 36),
    shape("pat-na1-", wordy, 36, 36),
    shape("pat-na2-", wordy, 36, 36),
    shape("phx_", alnum, 30, 60),
    shape("pplx-", alnum, 40, 60),
    shape("pscale_oauth_", dotted, 32, 64),
    shape("pscale_pw_", dotted, 32, 64),
    shape("pscale_tkn_", dotted, 32, 64),
    shape("pul-", hex, 40, 40),
    shape("pypi-AgE", wordy, 40, 300),
    shape("r8_", alnum, 37, 37),
    shape("rk_live_", alnum, 16, 100),
    shape("rk_test_", alnum, 16, 100),
    shape("rubygems_", hex, 48, 48),
    shape("sbp_", hex, 40, 40),
    shape("secret_", alnum, 43, 43),
    shape("sgp_", hex, 40, 60),
    shape("shpat_", hex, 32, 32),
    shape("shpca_", hex, 32, 32),
    shape("shppa_", hex, 32, 32),
    shape("shpss_", hex, 32, 32),
    shape("sk.eyJ", dotted, 60, 200),
    shape("sk-ant-", wordy, 24, 130),
    shape("sk-or-", wordy, 40, 100),
    shape("sk-proj-", wordy, 24, 200),
    shape("sk-svcacct-", wordy, 24, 200),
    shape("sk-", alnum, 32, 64),
    shape("sk_live_", alnum, 16, 120),
    shape("sk_test_", alnum, 16, 120),
    shape("sl.", wordy, 60, 200),
    shape("sntrys_", dotted, 40, 300),
    shape("sntryu_", hex, 64, 64),
    shape("sq0atp-", wordy, 22, 22),
    shape("sq0csp-", wordy, 43, 43),
    shape("tfp_", wordy, 40, 60),
    shape("tskey-", wordy, 20, 80),
    shape("whsec_", alnum, 24, 64),
    shape("xapp-", wordy, 30, 130),
    shape("xkeysib-", wordy, 64, 90),
    shape("xoxa-", wordy, 20, 200),
    shape("xoxb-", wordy, 20, 200),
    shape("xoxe-", wordy, 20, 200),
    shape("xoxo-", wordy, 20, 200),
    shape("xoxp-", wordy, 20, 200),
    shape("xoxr-", wordy, 20, 200),
    shape("xoxs-", wordy, 20, 200),
    shape("ya29.", dotted, 30, 300),
];
