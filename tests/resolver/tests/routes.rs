//! Which servers are asked for which names.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use orlop_test_resolver::{Asked, Question, SOON, Scene, Server, address, end, resolver, server, testbed};

/// A server that answers with its own number.
fn numbered(scene: &Scene, last: u8) -> Server {
    Server::start(&scene.host, &format!("127.0.1.{last}"), move |asked| vec![asked.address(60, [192, 0, 2, last])])
        .unwrap()
}

#[test]
fn names_in_a_domain_are_asked_of_its_servers_and_of_nobody_else() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let [general, corp, second, lab] = [1, 2, 3, 4].map(|last| numbered(&scene, last));
    let daemon = scene
        .start(&resolver().config(
            "upstreams = [\"127.0.1.1\"]\n[routes]\n\"corp.example\" = [\"127.0.1.2\", \"127.0.1.3\"]\n\
             \"Lab.corp.example\" = [\"127.0.1.4\"]\ninternal = [\"127.0.1.4\"]\n\"10.in-addr.arpa\" = [\"127.0.1.4\"]\n",
        ))
        .unwrap();
    for (name, want) in [
        ("www.example", "192.0.2.1"),
        ("corp.example", "192.0.2.2"),
        ("www.corp.example", "192.0.2.2"),
        ("notcorp.example", "192.0.2.1"),
        ("www.LAB.corp.example", "192.0.2.4"),
        // Of special use, and asked for all the same where a route says so.
        ("metadata.internal", "192.0.2.4"),
    ] {
        let found = address(&scene.host, name).unwrap();
        // Either server of that route.
        let found = if found == "192.0.2.3" { "192.0.2.2".to_owned() } else { found };
        assert_eq!(found, want, "{name}: {}", daemon.text());
    }
    Question::of("9.0.0.10.in-addr.arpa").kind(RecordType::PTR).ask(&scene.host).unwrap();
    assert_eq!(lab.times("9.0.0.10.in-addr.arpa"), 1);

    // The next of the same route is asked when one fails, and nobody else when all do.
    corp.become_like(|asked| vec![asked.code(server::SERVFAIL)]);
    assert_eq!(address(&scene.host, "next.corp.example").unwrap(), "192.0.2.3", "{}", daemon.text());
    second.become_like(|asked| vec![asked.code(server::REFUSED)]);
    let failed = Question::of("failed.corp.example").ask(&scene.host).unwrap();
    assert_ne!(failed.code(), ResponseCode::NoError, "{:?}", failed.message);
    let leaked: Vec<Asked> =
        general.asked().into_iter().filter(|asked| asked.name.to_ascii_lowercase().contains("corp.")).collect();
    assert_eq!(
        leaked.iter().filter(|asked| !asked.name.to_ascii_lowercase().starts_with("notcorp")).count(),
        0,
        "{leaked:?}"
    );

    let status = scene.status().unwrap();
    let route = status["routes"].as_array().unwrap().iter().find(|route| route["domain"] == "corp.example").unwrap();
    assert_eq!(route["servers"], serde_json::json!(["127.0.1.2", "127.0.1.3"]));
    assert_eq!((&route["by"], &status["servers"][1]["is_general"]), (&"configuration".into(), &false.into()));
    let upstream_conf = scene.host.read("/run/orlop/resolver/resolv.upstream.conf").unwrap();
    let others: Vec<&str> = upstream_conf.lines().filter(|line| line.starts_with("nameserver")).collect();
    assert_eq!(others, ["nameserver 127.0.1.1"], "who asks there would get no other name");
    end(daemon).unwrap();
}

#[test]
fn names_that_a_network_searches_are_asked_of_that_network() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let [home, corp] = [1, 2].map(|last| numbered(&scene, last));
    scene.network_of("lo0", "metric 1\ndns 127.0.1.1\nsearch home.example\n").unwrap();
    let daemon = scene.start(&resolver().config("network-routes = true\n")).unwrap();
    scene.until(&daemon, "the first network", |status| status["routes"][0]["domain"] == "home.example").unwrap();
    assert_eq!(address(&scene.host, "early.corp.example").unwrap(), "192.0.2.1", "nobody claims it yet");
    scene.network_of("lo1", "metric 2\ndns 127.0.1.2\nsearch corp.example\n").unwrap();
    let status =
        scene.until(&daemon, "the second network", |status| status["routes"].as_array().unwrap().len() == 2).unwrap();
    assert_eq!((&status["routes"][1]["by"], &status["origin"]), (&"network".into(), &"network".into()));
    assert_eq!(address(&scene.host, "late.corp.example").unwrap(), "192.0.2.2", "{}", daemon.text());
    assert_eq!(address(&scene.host, "a.home.example").unwrap(), "192.0.2.1", "{}", daemon.text());
    assert_eq!((home.times("late.corp.example"), corp.times("a.home.example")), (0, 0));

    // The operator changes their mind.
    scene.host.write("/run/orlop-resolver.toml", "network-routes = false\n").unwrap();
    let mut reloaded = scene.command(&["reload"]).unwrap();
    assert_eq!(reloaded.wait_exit(SOON).unwrap().code(), Some(0), "{}", reloaded.text());
    scene.until(&daemon, "no routes", |status| status["routes"].as_array().unwrap().is_empty()).unwrap();
    end(daemon).unwrap();
}

#[test]
fn a_public_name_that_claims_a_private_address_is_refused_and_a_routed_one_is_not() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _servers = ["127.0.1.1", "127.0.1.2"].map(|at| {
        Server::start(&scene.host, at, |asked| {
            vec![asked.address(
                60,
                if asked.name.to_ascii_lowercase().starts_with("evil") { [10, 0, 0, 1] } else { [192, 0, 2, 1] },
            )]
        })
        .unwrap()
    });
    let daemon = scene
        .start(&resolver().config(
            "upstreams = [\"127.0.1.1\"]\nrebinding-protection = true\n[routes]\n\"corp.example\" = [\"127.0.1.2\"]\n",
        ))
        .unwrap();
    let refused = Question::of("evil.example").ask(&scene.host).unwrap();
    assert_eq!(
        (refused.code(), refused.addresses(), refused.extended_error()),
        (ResponseCode::Refused, vec![], Some(15)),
        "{}",
        daemon.text()
    );
    assert_eq!(address(&scene.host, "good.example").unwrap(), "192.0.2.1");
    assert_eq!(address(&scene.host, "evil.corp.example").unwrap(), "10.0.0.1");
    assert_eq!(scene.status().unwrap()["discards"]["rebinding"], 1);
    end(daemon).unwrap();
}

#[test]
fn an_operator_is_told_why_without_anybody_being_asked() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let [general, corp] = [1, 2].map(|last| numbered(&scene, last));
    let daemon = scene
        .start(
            &resolver()
                .config("upstreams = [\"127.0.1.1\"]\n[routes]\n\"corp.example\" = [\"127.0.1.2\", \"127.0.1.9\"]\n"),
        )
        .unwrap();
    let why = |name: &str| {
        let mut told = scene.command(&["why", name]).unwrap();
        assert_eq!(told.wait_exit(SOON).unwrap().code(), Some(0), "{}", told.text());
        told.stdout()
    };
    let told = why("www.corp.example");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines[..3],
        [
            "www.corp.example A",
            "  cache  nothing is kept",
            "  rule   the route for corp.example, by the word of the configuration",
        ],
        "{told}"
    );
    assert!(lines[3].contains("127.0.1.2") && lines[3].contains("untried") && lines.len() == 5, "{told}");
    assert_eq!((general.asked().len(), corp.asked().len()), (0, 0), "nobody was asked");

    address(&scene.host, "www.corp.example").unwrap();
    let told = why("WWW.corp.example");
    assert!(told.contains("  cache  the answer is kept for ") && told.contains("127.0.1.2 "), "{told}");
    assert!(
        told.lines().any(|line| line.contains("127.0.1.2 ") && line.contains("good") && line.ends_with(" ms")),
        "{told}"
    );
    assert!(why("localhost").contains("  rule   nobody is asked"), "{}", daemon.text());
    assert!(why("www.example").contains("  rule   no route is for it"), "{}", daemon.text());
    assert_eq!(corp.asked().len(), 1);
    end(daemon).unwrap();
}

#[test]
fn nonsense_is_refused_with_its_line() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    for (text, want) in [
        ("log = \"info\"\n[routes]\n\"corp.example\" = []\n", "line 3"),
        ("[routes]\n\"corp.example\" = [\"127.0.0.53\"]\n", "127.0.0.53 is this resolver itself"),
        ("[routes]\nonion = [\"127.0.1.1\"]\n", "line 2"),
    ] {
        scene.host.write("/run/wrong.toml", text).unwrap();
        let mut checked = scene.command(&["--check", "--config", "/run/wrong.toml"]).unwrap();
        assert_eq!(checked.wait_exit(SOON).unwrap().code(), Some(78), "{}", checked.text());
        assert!(checked.text().contains("/run/wrong.toml") && checked.text().contains(want), "{}", checked.text());
    }
}
