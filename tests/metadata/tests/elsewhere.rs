//! Services that have no address of their own: where they are, whoever started the machine says, or the DHCP server.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_test_metadata::cloud::Asked;
use orlop_test_metadata::{Answer, Cloud, SOON, Scene, metadata, testbed};

const SERIAL: &str = "product_serial";
const META: &str = "instance-id: iid-1\nlocal-hostname: seeded\n";

/// A web server with NoCloud's files in a folder.
fn seed(asked: &Asked) -> Answer {
    match asked.line.as_str() {
        "GET /seeds/web-1/meta-data" => Answer::ok(META),
        "GET /seeds/web-1/user-data" => Answer::ok("canary-55"),
        _ => Answer::status(404),
    }
}

#[test]
fn no_clouds_files_are_asked_for_where_the_firmware_says_that_they_are() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.says(SERIAL, "ds=nocloud;s=http://10.0.0.1:8000/seeds/web-1/").unwrap();
    let cloud = Cloud::start(&scene.cloud, "10.0.0.1:8000", seed).unwrap();
    let ran = scene.run(&metadata()).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert_eq!(scene.config("provider").as_deref(), Some("nocloud"), "{}", ran.text);
    assert_eq!(scene.config("userdata").as_deref(), Some("canary-55"));
    assert_eq!(scene.look("userdata").unwrap().0, 0o600);
    assert_eq!(scene.machine.run("hostname", &[]).unwrap().trim(), "seeded");
    assert!(cloud.asked().iter().all(|asked| asked.headers["host"] == "10.0.0.1:8000"), "{:?}", cloud.asked());
    assert!(!ran.text.contains("canary"), "{}", ran.text);
}

#[test]
fn a_name_or_another_protocol_is_told_of_and_nobody_is_asked() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let cloud = Cloud::start(&scene.cloud, "10.0.0.1", seed).unwrap();
    for url in ["https://10.0.0.1/seeds/web-1/", "http://seeds.example.com/", "http://10.0.0.1/?h=web-1"] {
        scene.says(SERIAL, &format!("ds=nocloud;s={url}")).unwrap();
        // A disk is waited for then: NoCloud was promised.
        let ran = scene.run(&metadata().args(["--timeout", "1"])).unwrap();
        assert_eq!(ran.code, 69, "{url}: {}", ran.text);
        assert!(ran.text.contains("not asked for") && ran.text.contains(url), "{url}: {}", ran.text);
    }
    assert_eq!(cloud.lines(), Vec::<String>::new());
}

#[test]
fn another_provider_that_is_named_is_asked_and_no_seed() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.says(SERIAL, "ds=nocloud;s=http://10.0.0.1/seeds/web-1/").unwrap();
    let seeds = Cloud::start(&scene.cloud, "10.0.0.1", seed).unwrap();
    let cloud = Cloud::start(&scene.cloud, "169.254.169.254", |_| Answer::status(404)).unwrap();
    let ran = scene.run(&metadata().args(["digitalocean"])).unwrap();
    assert_eq!(ran.code, 76, "{}", ran.text);
    assert_eq!((seeds.lines().len(), cloud.lines()), (0, vec!["GET /metadata/v1.json".to_owned()]));
}

/// CloudStack's virtual router.
fn router(asked: &Asked) -> Answer {
    match asked.line.as_str() {
        "GET /latest/meta-data/instance-id" => Answer::ok("i-2-3-VM"),
        "GET /latest/meta-data/local-hostname" => Answer::ok("web-1"),
        "GET /latest/user-data" => Answer::ok("canary-56"),
        _ => Answer::status(404),
    }
}

#[test]
fn cloudstacks_router_is_the_dhcp_server_as_the_dhcp_client_says() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.says("product_name", "CloudStack KVM Hypervisor").unwrap();
    let cloud = Cloud::start(&scene.cloud, "10.0.0.1", router).unwrap();
    let alone = scene.run(&metadata()).unwrap();
    assert_eq!(alone.code, 76, "{}", alone.text);
    assert!(alone.text.contains("/run/orlop/netfacts"), "{}", alone.text);
    scene.machine.shell("mkdir -p /run/orlop/netfacts").unwrap();
    let facts = "netfacts 1\ninterface eth0\nserver 10.0.0.1\n";
    scene.machine.write("/run/orlop/netfacts/dhcp.eth0", facts).unwrap();
    let ran = scene.run(&metadata()).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert_eq!(scene.config("provider").as_deref(), Some("cloudstack"));
    assert_eq!(scene.config("hostname").as_deref(), Some("web-1"));
    assert_eq!(scene.config("userdata").as_deref(), Some("canary-56"));
    assert!(!cloud.lines().is_empty());
}

#[test]
fn cloudstacks_router_is_waited_for_where_the_dhcp_client_has_not_said_yet_who_it_is() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.says("product_name", "CloudStack KVM Hypervisor").unwrap();
    let _cloud = Cloud::start(&scene.cloud, "10.0.0.1", router).unwrap();
    scene.machine.shell("mkdir -p /run/orlop/netfacts").unwrap();
    // There is nobody who says it.
    let late = scene.run(&metadata().args(["--timeout", "1"])).unwrap();
    assert_eq!(late.code, 69, "{}", late.text);
    assert!(late.text.contains("/run/orlop/netfacts"), "{}", late.text);
    // Beside a DHCP client that has no lease yet.
    let mut running = metadata().start(&scene.machine).unwrap();
    running.wait_for("waiting for the DHCP client", SOON).unwrap();
    let facts = scene.machine.path("/run/orlop/netfacts");
    std::fs::write(facts.join("dhcp.eth0"), "netfacts 1\ninterface eth0\nmetric 9\n").unwrap();
    std::fs::write(facts.join("draft"), "netfacts 1\ninterface eth0\nserver 10.0.0.1\n").unwrap();
    std::fs::rename(facts.join("draft"), facts.join("dhcp.eth0")).unwrap();
    assert_eq!(running.wait_exit(SOON).unwrap().code(), Some(0), "{}", running.text());
    assert_eq!(scene.config("provider").as_deref(), Some("cloudstack"));
    assert_eq!(scene.config("userdata").as_deref(), Some("canary-56"));
}

#[test]
fn whoever_else_is_named_is_asked_when_nobody_says_where_cloudstacks_router_is() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.machine.shell("mkdir -p /run/orlop/netfacts").unwrap();
    let cloud = Cloud::start(&scene.cloud, "169.254.169.254", |_| {
        Answer::ok(r#"{"droplet_id": 7, "hostname": "web-1", "user_data": "x"}"#)
    });
    let ran = scene.run(&metadata().args(["--timeout", "8", "cloudstack", "digitalocean"])).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert_eq!(scene.config("provider").as_deref(), Some("DigitalOcean"));
    assert!(ran.text.contains("nobody says where its service is"), "{}", ran.text);
    assert_eq!(cloud.unwrap().lines().len(), 1);
}

#[test]
fn azures_wire_server_is_told_where_the_dhcp_server_says_that_it_is() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.says("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77").unwrap();
    let document = r#"{"compute": {"name": "web-1", "vmId": "d8e02d56"}}"#;
    let _imds = Cloud::start(&scene.cloud, "169.254.169.254", move |_| Answer::ok(document)).unwrap();
    let wire = |asked: &Asked| match asked.line.as_str() {
        "GET /machine/?comp=goalstate" => Answer::ok(
            "<GoalState><Incarnation>1</Incarnation><ContainerId>c</ContainerId><InstanceId>i</InstanceId></GoalState>",
        ),
        _ => Answer::ok(""),
    };
    let usual = Cloud::start(&scene.cloud, "168.63.129.16", wire).unwrap();
    let other = Cloud::start(&scene.cloud, "10.0.0.1", wire).unwrap();
    scene.machine.shell("mkdir -p /run/orlop/netfacts").unwrap();
    for (wireserver, want) in [("", (2, 0)), ("wireserver 10.0.0.1\n", (2, 2))] {
        let facts = format!("netfacts 1\ninterface eth0\nserver 10.0.0.1\n{wireserver}");
        scene.machine.write("/run/orlop/netfacts/dhcp.eth0", facts).unwrap();
        let ran = scene.run(&metadata()).unwrap();
        assert_eq!(ran.code, 0, "{}", ran.text);
        assert_eq!((usual.lines().len(), other.lines().len()), want, "{wireserver:?}: {}", ran.text);
    }
    assert_eq!(other.lines(), ["GET /machine/?comp=goalstate", "POST /machine/?comp=health"]);
}
