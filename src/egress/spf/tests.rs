use super::*;

/// A zone as RFC 7208 Appendix A has it.
#[derive(Default)]
struct Dns(Answers);

impl Dns {
    fn txt(mut self, name: &str, texts: &[&str]) -> Self {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        self.0.insert(Question::Texts(name.to_owned()), Answer::Texts(texts));
        self
    }

    fn a(mut self, name: &str, ips: &[&str]) -> Self {
        let ips = ips.iter().map(|ip| ip.parse().unwrap()).collect();
        let question = Question::Addresses(name.to_owned(), Family::Ipv4);
        self.0.insert(question, Answer::Addresses(ips));
        self
    }

    fn mx(mut self, name: &str, hosts: &[&str]) -> Self {
        let hosts = hosts.iter().map(|ip| Some(vec![ip.parse().unwrap()])).collect();
        let question = Question::Exchanges(name.to_owned(), Family::Ipv4);
        self.0.insert(question, Answer::Exchanges(hosts));
        self
    }

    fn ptr(mut self, ip: &str, names: &[&str]) -> Self {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.0.insert(Question::Names(ip.parse().unwrap()), Answer::Names(names));
        self
    }

    fn failing(mut self, question: Question) -> Self {
        self.0.insert(question, Answer::Failed);
        self
    }

    fn of(&self, ip: &str, sender: &str) -> SpfEvaluation {
        self.with_helo(ip, sender, Some("mail.example.com")).unwrap()
    }

    /// Asks until there is a result; what is not in the zone is not in DNS.
    fn with_helo(
        &self,
        ip: &str,
        sender: &str,
        helo: Option<&str>,
    ) -> Result<SpfEvaluation, String> {
        let client = Client { ip: ip.parse().unwrap(), sender, helo };
        let mut answers = Answers::new();
        loop {
            match evaluate(&client, &answers) {
                Step::Done(evaluation) => return Ok(evaluation),
                Step::Unknown(why) => return Err(why),
                Step::Ask(question) => {
                    let answer = self.0.get(&question).cloned().unwrap_or(Answer::Void);
                    assert!(answers.insert(question, answer).is_none(), "asked twice");
                    assert!(answers.len() < 50, "there is an end to it");
                }
            }
        }
    }

    fn result(&self, ip: &str) -> SpfResult {
        self.of(ip, "strong-bad@example.com").result
    }
}

/// RFC 7208 Appendix A: example.com and example.org.
fn appendix(record: &str) -> Dns {
    Dns::default()
        .txt("example.com", &["google-site-verification=x", record])
        .a("example.com", &["192.0.2.10", "192.0.2.11"])
        .mx("example.com", &["192.0.2.129", "192.0.2.130"])
        .mx("example.org", &["192.0.2.140"])
        .ptr("192.0.2.10", &["example.com"])
        .ptr("192.0.2.65", &["amy.example.com"])
        .ptr("192.0.2.140", &["mail-c.example.org"])
        // The rogue of the appendix claims bob.example.com, which does not lead back.
        .ptr("10.0.0.4", &[])
}

fn passing<'a>(dns: &Dns, ips: &[&'a str]) -> Vec<&'a str> {
    ips.iter().copied().filter(|ip| dns.result(ip) == SpfResult::Pass).collect()
}

const HOSTS: [&str; 9] = [
    "192.0.2.10",
    "192.0.2.11",
    "192.0.2.65",
    "192.0.2.129",
    "192.0.2.130",
    "192.0.2.131",
    "192.0.2.140",
    "192.0.2.143",
    "10.0.0.4",
];

#[test]
fn the_simple_examples_of_the_appendix() {
    for (record, expected) in [
        ("v=spf1 +all", HOSTS.as_slice()),
        ("v=spf1 a -all", &["192.0.2.10", "192.0.2.11"]),
        ("v=spf1 a:example.org -all", &[]),
        ("v=spf1 mx -all", &["192.0.2.129", "192.0.2.130"]),
        ("v=spf1 mx:example.org -all", &["192.0.2.140"]),
        ("v=spf1 mx mx:example.org -all", &["192.0.2.129", "192.0.2.130", "192.0.2.140"]),
        (
            "v=spf1 mx/30 mx:example.org/30 -all",
            &["192.0.2.129", "192.0.2.130", "192.0.2.131", "192.0.2.140", "192.0.2.143"],
        ),
        ("v=spf1 ptr -all", &["192.0.2.10", "192.0.2.65"]),
        (
            "v=spf1 ip4:192.0.2.128/28 -all",
            &["192.0.2.129", "192.0.2.130", "192.0.2.131", "192.0.2.140", "192.0.2.143"],
        ),
    ] {
        assert_eq!(passing(&appendix(record), &HOSTS), expected, "{record}");
    }
}

/// RFC 7208 Appendix A.3 and A.4.
#[test]
fn the_dnsbl_style_and_the_multiple_requirements_examples() {
    let dns =
        appendix("v=spf1 mx include:mobile-users._spf.%{d} include:remote-users._spf.%{d} -all")
            .txt("mobile-users._spf.example.com", &["v=spf1 exists:%{l1r+}.%{d}"])
            .txt("remote-users._spf.example.com", &["v=spf1 exists:%{ir}.%{l1r+}.%{d}"])
            .a("mary.mobile-users._spf.example.com", &["127.0.0.2"])
            .a("15.15.168.192.joel.remote-users._spf.example.com", &["127.0.0.2"]);
    assert_eq!(dns.of("10.9.8.7", "mary@example.com").result, SpfResult::Pass);
    assert_eq!(dns.of("192.168.15.15", "joel@example.com").result, SpfResult::Pass);
    assert_eq!(dns.of("10.9.8.7", "joel@example.com").result, SpfResult::Fail);
    let both = appendix("v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all")
        .txt("ip4._spf.example.com", &["v=spf1 -ip4:192.0.2.0/24 +all"])
        .txt("ptr._spf.example.com", &["v=spf1 -ptr:example.com +all"]);
    assert_eq!(passing(&both, &HOSTS), ["192.0.2.10", "192.0.2.65"]);
}

#[test]
fn the_terms_that_decided_are_named_from_the_outside_in() {
    let dns = Dns::default()
        .txt("example.com", &["v=spf1 include:_spf.example.net ~all"])
        .txt("_spf.example.net", &["v=spf1 redirect=deep.example.net"])
        .txt("deep.example.net", &["V=SPF1 ip6:2001:db8::/32 IP4:198.51.100.0/24 -all"]);
    let pass = dns.of("2001:db8::1", "a@example.com");
    let path = ["include:_spf.example.net", "redirect=deep.example.net", "ip6:2001:db8::/32"];
    assert_eq!((pass.result, pass.lookups), (SpfResult::Pass, 2));
    assert_eq!(pass.decided_by, path);
    let soft = dns.of("203.0.113.1", "a@example.com");
    assert_eq!((soft.result, soft.decided_by), (SpfResult::Softfail, vec!["~all".to_owned()]));
}

#[test]
fn a_domain_without_a_record_has_none() {
    let none = Dns::default().txt("example.com", &["v=spf10 -all", "v=spf1-all", "other"]);
    assert_eq!(none.result("192.0.2.1"), SpfResult::None);
    assert_eq!(Dns::default().result("192.0.2.1"), SpfResult::None);
    assert_eq!(appendix("v=spf1").result("192.0.2.1"), SpfResult::Neutral);
    assert_eq!(appendix("v=spf1 ?all").result("192.0.2.1"), SpfResult::Neutral);
}

#[test]
fn a_loop_ends_at_ten_lookups() {
    let looping = Dns::default()
        .txt("example.com", &["v=spf1 include:other.example -all"])
        .txt("other.example", &["v=spf1 include:example.com -all"]);
    let loops = looping.of("192.0.2.1", "a@example.com");
    assert_eq!(loops.result, SpfResult::Permerror);
    assert!(loops.problem.unwrap().contains("more than 10"));
    let itself = Dns::default().txt("example.com", &["v=spf1 redirect=example.com"]);
    assert_eq!(itself.result("192.0.2.1"), SpfResult::Permerror);
}

#[test]
fn the_eleventh_lookup_is_one_too_many() {
    let with = |count: usize| {
        let terms: Vec<String> = (0..count).map(|n| format!("a:h{n}.example")).collect();
        let dns = Dns::default()
            .txt("example.com", &[&format!("v=spf1 {} ip4:192.0.2.1 -all", terms.join(" "))]);
        (0..count).fold(dns, |dns, n| dns.a(&format!("h{n}.example"), &["198.51.100.1"]))
    };
    assert_eq!(with(10).result("192.0.2.1"), SpfResult::Pass);
    assert_eq!(with(11).result("192.0.2.1"), SpfResult::Permerror);
    assert_eq!(with(10).of("192.0.2.1", "a@example.com").lookups, 10);
}

#[test]
fn the_third_lookup_that_finds_nothing_is_one_too_many() {
    assert_eq!(
        appendix("v=spf1 a:x.example a:y.example -all").result("192.0.2.1"),
        SpfResult::Fail
    );
    assert_eq!(
        appendix("v=spf1 a:x.example a:y.example exists:z.example -all").result("192.0.2.1"),
        SpfResult::Permerror
    );
}

#[test]
fn what_dns_does_not_tell_is_a_temporary_error() {
    let texts = Dns::default().failing(Question::Texts("example.com".to_owned()));
    assert_eq!(texts.result("192.0.2.1"), SpfResult::Temperror);
    let question = Question::Addresses("h.example".to_owned(), Family::Ipv4);
    let dns = appendix("v=spf1 a:h.example -all").failing(question);
    assert_eq!(dns.result("192.0.2.1"), SpfResult::Temperror);
    let names = appendix("v=spf1 ptr -all").failing(Question::Names([192, 0, 2, 1].into()));
    assert_eq!(names.result("192.0.2.1"), SpfResult::Fail);
}

#[test]
fn one_error_anywhere_spoils_the_record() {
    for record in [
        "v=spf1 ipv4:192.0.2.1 -all",
        "v=spf1 ip4:192.0.2.256 -all",
        "v=spf1 ip4:192.0.2.0/33 -all",
        "v=spf1 ip4:192.0.2.0/024 -all",
        "v=spf1 ip6:192.0.2.1 -all",
        "v=spf1 +all ip4:",
        "v=spf1 +all include",
        "v=spf1 +all include:",
        "v=spf1 +all a:",
        "v=spf1 +all a/",
        "v=spf1 +all a//129",
        "v=spf1 +all all:example.com",
        "v=spf1 +all exists",
        "v=spf1 +all exists:%{q}",
        "v=spf1 +all redirect=a.example redirect=b.example",
        "v=spf1 +all exp=a.example exp=b.example",
        "v=spf1 +all -",
        "v=spf1 +all\\x00",
    ] {
        assert_eq!(appendix(record).result("192.0.2.1"), SpfResult::Permerror, "{record}");
    }
    let two = Dns::default().txt("example.com", &["v=spf1 +all", "v=spf1 -all"]);
    assert_eq!(two.result("192.0.2.1"), SpfResult::Permerror);
    let dangling = appendix("v=spf1 include:nothing.example -all");
    assert_eq!(dangling.result("192.0.2.1"), SpfResult::Permerror);
    assert_eq!(
        appendix("v=spf1 redirect=nothing.example").result("192.0.2.1"),
        SpfResult::Permerror
    );
}

#[test]
fn unknown_modifiers_are_left_alone() {
    let dns = appendix("v=spf1 a/24//64 moo.cow-far_out=man:dog/cat exp=why.example -all");
    assert_eq!(dns.result("192.0.2.77"), SpfResult::Pass);
    assert_eq!(dns.result("192.0.3.77"), SpfResult::Fail);
}

#[test]
fn more_than_ten_exchanges_are_an_error() {
    let many = vec!["198.51.100.1"; 11];
    let dns = Dns::default().txt("example.com", &["v=spf1 mx +all"]).mx("example.com", &many);
    assert_eq!(dns.result("192.0.2.1"), SpfResult::Permerror);
}

/// The limits hold for what a hostile zone publishes, and time does too: what grows faster
/// than its input would take hours.
#[test]
fn hostile_records_end_at_once() {
    let started = std::time::Instant::now();
    for record in [
        "v=spf1 ".to_owned() + &"ip4:192.0.2.0/24 ".repeat(6000) + "-all",
        "v=spf1 exists:".to_owned() + &"%{ir}.".repeat(16_000) + "%{d}",
        "v=spf1 exists:".to_owned() + &"%{s}".repeat(16_000) + ".example.com -all",
        "v=spf1 a:".to_owned() + &".".repeat(60_000) + "example.com -all",
        "v=spf1 ".to_owned() + &"{".repeat(60_000),
        "v=spf1 ".to_owned() + &"include:a.example ".repeat(5000),
        "v=spf1 redirect=%{d}%{d}%{d}.example.com".to_owned(),
    ] {
        let dns = Dns::default().txt("example.com", &[&record]).txt("a.example", &[&record]);
        let words = |record: &str| record.chars().take(40).collect::<String>();
        let result = dns.of("2001:db8::1", "a@example.com").result;
        assert_ne!(result, SpfResult::Pass, "{}", words(&record));
    }
    assert!(started.elapsed() < std::time::Duration::from_mins(5), "{:?}", started.elapsed());
}

#[test]
fn an_exchange_that_dns_does_not_tell_is_a_temporary_error_unless_another_matches() {
    let mut dns = appendix("v=spf1 mx -all");
    let question = Question::Exchanges("example.com".to_owned(), Family::Ipv4);
    let hosts = vec![None, Some(vec![[192, 0, 2, 1].into()])];
    dns.0.insert(question, Answer::Exchanges(hosts));
    assert_eq!(dns.result("192.0.2.1"), SpfResult::Pass);
    assert_eq!(dns.result("192.0.2.2"), SpfResult::Temperror);
}

/// RFC 7208 §7.3: a name of the client that fits the domain goes before others.
#[test]
fn the_macro_p_is_the_validated_name() {
    let dns = appendix("v=spf1 exists:%{p}.list.example -all")
        .ptr("192.0.2.65", &["other.example", "amy.example.com"])
        .a("amy.example.com.list.example", &["127.0.0.2"])
        .a("unknown.list.example", &["127.0.0.2"]);
    assert_eq!(dns.result("192.0.2.65"), SpfResult::Pass);
    assert_eq!(dns.result("192.0.2.66"), SpfResult::Pass, "without a name it is `unknown`");
    assert_eq!(dns.result("192.0.2.140"), SpfResult::Fail);
}

#[test]
fn a_mapped_address_is_an_ipv4_address() {
    let dns = appendix("v=spf1 ip6:::ffff:192.0.2.1 a//0 -all");
    assert_eq!(dns.result("::ffff:192.0.2.1"), SpfResult::Fail);
}

#[test]
fn what_is_no_name_of_dns_is_not_asked() {
    let long = "a".repeat(64);
    let record = format!("v=spf1 a:{long}.example a:a..example ip4:192.0.2.1 -all");
    assert_eq!(appendix(&record).result("192.0.2.1"), SpfResult::Pass);
    assert_eq!(Dns::default().of("192.0.2.1", "a@b..example").result, SpfResult::None);
}

#[test]
fn an_ehlo_name_that_is_not_known_leaves_open_only_what_depends_on_it() {
    let dns = Dns::default()
        .txt("example.com", &["v=spf1 ip4:192.0.2.10 include:below.example -all"])
        .txt("below.example", &["v=spf1 exists:%{h}.allowed.example -all"])
        .txt("escaped.example", &["v=spf1 exists:%%{h}.example -all"])
        .txt("redirected.example", &["v=spf1 redirect=%{H}"])
        .a("mail.example.com.allowed.example", &["127.0.0.2"]);
    let of = |ip: &str, domain: &str, helo| {
        let seen = dns.with_helo(ip, &format!("a@{domain}"), helo);
        seen.map(|evaluation| evaluation.result)
    };
    assert_eq!(of("192.0.2.10", "example.com", None), Ok(SpfResult::Pass), "decided before");
    let why = of("192.0.2.11", "example.com", None).unwrap_err();
    assert!(why.contains("below.example asks for %{h}.allowed.example"), "{why}");
    assert!(of("192.0.2.11", "redirected.example", None).is_err());
    assert_eq!(of("192.0.2.11", "escaped.example", None), Ok(SpfResult::Fail), "no macro");
    let helo = Some("mail.example.com");
    assert_eq!(of("192.0.2.11", "example.com", helo), Ok(SpfResult::Pass));
}
