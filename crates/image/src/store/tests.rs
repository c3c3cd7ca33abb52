use super::*;
use std::collections::HashMap;

use crate::filesystem::Kind;
use crate::image;
use crate::layer;
use crate::tree::{Node, Tree};

/// A layout on disk with one image of one file; it is removed again.
pub(crate) struct Sample {
    pub(crate) path: PathBuf,
    pub(crate) reference: Reference,
}

impl Sample {
    /// An image for both platforms, whose file `/arch` says which it is, with a label.
    pub(crate) fn new(test: &str, name: &str, label: &str) -> Self {
        let mut layout = Layout::default();
        let manifests = Platform::ALL.map(|platform| {
            let mut tree = Tree::default();
            let content = platform.architecture().as_bytes().to_vec();
            tree.put("/bin/arch", Node::File { mode: 0o755, content });
            tree.put("/etc/hostname", Node::File { mode: 0o644, content: b"dropped".to_vec() });
            let labels = HashMap::from([(crate::label::KEY.to_owned(), label.to_owned())]);
            image::put_tree(&mut layout, &tree, platform, &["/bin/arch".to_owned()], labels, 7).unwrap()
        });
        let index = image::put_index(&mut layout, manifests.to_vec()).unwrap();
        let reference = Reference::parse(name).unwrap();
        layout.name(&index, &reference);
        let path = std::env::temp_dir().join(format!("orlop-store-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        layout.write_folder(&path.join("image")).unwrap();
        fs::write(path.join("image.tar"), layout.to_tar(7).unwrap()).unwrap();
        let digest = Digest::parse(index.digest().as_ref()).unwrap();
        Self { path, reference: reference.at(digest) }
    }

    pub(crate) fn store(&self) -> Store {
        let mut store = Store::default();
        store.add(&self.path).unwrap();
        store
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[test]
fn an_image_is_found_by_name_and_by_digest_in_folder_folders_and_archive() {
    let sample = Sample::new("found", "orlop.example/a:1", "{}");
    for place in [sample.path.clone(), sample.path.join("image"), sample.path.join("image.tar")] {
        let mut store = Store::default();
        store.add(&place).unwrap();
        assert_eq!(store.names(), ["orlop.example/a:1"]);
        for reference in [sample.reference.clone(), sample.reference.without_digest()] {
            for platform in Platform::ALL {
                let resolved = store.resolve(&reference, platform).unwrap();
                assert_eq!(resolved.reference, sample.reference, "the digest is told");
                let want = Kind::File(platform.architecture().as_bytes().into());
                assert_eq!(resolved.files.at("bin/arch").unwrap().kind, want);
                assert_eq!(resolved.config.cmd().as_deref(), Some(&["/bin/arch".to_owned()][..]));
            }
        }
    }
}

/// A layout whose one name leads to `document`, which its descriptor calls `called`.
fn one_document(test: &str, document: &serde_json::Value, called: MediaType) -> Result<(), BadImage> {
    let sample = Sample::new(test, "orlop.example/a:1", "{}");
    let image = sample.path.join("image");
    let bytes = serde_json::to_vec(document).unwrap();
    let digest = Digest::of(&bytes);
    fs::write(image.join("blobs/sha256").join(digest.hex()), &bytes).unwrap();
    let descriptor = serde_json::json!({"mediaType": called, "digest": digest.as_str(), "size": bytes.len(),
        "annotations": {NAME: "orlop.example/b:1"}});
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [descriptor]});
    fs::write(image.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    let mut store = Store::default();
    store.add(&image).unwrap();
    store.resolve(&Reference::parse("orlop.example/b:1").unwrap(), Platform::Amd64).map(|_| ())
}

/// The index of a sample and its manifest for amd64.
fn documents(test: &str) -> [serde_json::Value; 2] {
    let sample = Sample::new(test, "orlop.example/a:1", "{}");
    let blobs = sample.path.join("image/blobs/sha256");
    let read = |hex: &str| serde_json::from_slice(&fs::read(blobs.join(hex)).unwrap()).unwrap();
    let index: serde_json::Value = read(sample.reference.digest.as_ref().unwrap().hex());
    let of_amd64 = index["manifests"].as_array().unwrap().iter().find(|one| one["platform"]["architecture"] == "amd64");
    let digest = of_amd64.unwrap()["digest"].as_str().unwrap().to_owned();
    let manifest = read(digest.strip_prefix("sha256:").unwrap());
    [index, manifest]
}

#[test]
fn a_document_is_what_it_says_itself_and_not_what_its_descriptor_calls_it() {
    let [index, manifest] = documents("itself");
    for (what, document) in [("index", index), ("manifest", manifest)] {
        for called in [MediaType::ImageIndex, MediaType::ImageManifest, MediaType::Other("text/plain".to_owned())] {
            for own in [document["mediaType"].clone(), serde_json::Value::Null] {
                let mut document = document.clone();
                document["mediaType"] = own.clone();
                let found = one_document("itself", &document, called.clone());
                assert!(found.is_ok(), "{what} called {called} and itself {own}: {found:?}");
            }
        }
    }
}

#[test]
fn what_is_an_index_and_a_manifest_at_once_is_refused() {
    let [index, manifest] = documents("both");
    for (key, called) in [("layers", MediaType::ImageIndex), ("config", MediaType::ImageManifest)] {
        let mut both = index.clone();
        both[key] = manifest[key].clone();
        let refused = one_document("both", &both, called).unwrap_err().to_string();
        assert!(refused.contains("an index and a manifest at once"), "{refused}");
    }
    let mut both = manifest.clone();
    both["manifests"] = serde_json::json!([]);
    assert!(one_document("both", &both, MediaType::ImageManifest).is_err());
}

#[test]
fn a_pipe_in_the_place_of_a_blob_or_of_the_index_is_not_waited_for() {
    let sample = Sample::new("pipe", "orlop.example/a:1", "{}");
    let image = sample.path.join("image");
    let blob = image.join("blobs/sha256").join(sample.reference.digest.as_ref().unwrap().hex());
    let pipe = |path: &Path| {
        fs::remove_file(path).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    };
    let mut store = Store::default();
    store.add(&image).unwrap();
    pipe(&blob);
    assert!(store.resolve(&sample.reference, Platform::Amd64).is_err());
    assert!(Layout::read(&image).is_err());
    pipe(&image.join("index.json"));
    assert!(Store::default().add(&image).is_err());
}

#[test]
fn a_digest_is_what_counts_and_not_the_name_in_front_of_it() {
    let sample = Sample::new("digest", "orlop.example/a:1", "{}");
    let other = Reference { repository: "elsewhere.example/b".to_owned(), ..sample.reference.clone() };
    assert!(sample.store().resolve(&other, Platform::Amd64).is_ok());
    let stale = sample.reference.at(Digest::of(b"older"));
    assert!(matches!(sample.store().resolve(&stale, Platform::Amd64), Err(BadImage::Unknown)));
}

#[test]
fn an_image_of_two_names_is_called_by_the_one_that_was_asked_for() {
    let sample = Sample::new("names", "orlop.example/a:1", "{}");
    let mut store = sample.store();
    for repository in ["orlop.example/a", "elsewhere.example/b"] {
        let asked = Reference { repository: repository.to_owned(), ..sample.reference.clone() };
        assert_eq!(store.resolve(&asked, Platform::Amd64).unwrap().reference, asked);
    }
}

#[test]
fn an_image_without_a_name_is_found_by_its_digest_and_told_by_it() {
    let sample = Sample::new("unnamed", "orlop.example/a:1", "{}");
    // skopeo's: a tag, which is no name.
    let index = sample.path.join("image/index.json");
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, text.replace(NAME, "something.else")).unwrap();
    let mut store = Store::default();
    store.add(&sample.path.join("image")).unwrap();
    assert_eq!(store.names(), [sample.reference.digest.clone().unwrap().to_string()]);
    assert!(matches!(store.resolve(&sample.reference.without_digest(), Platform::Amd64), Err(BadImage::Unknown)));
    assert!(store.resolve(&sample.reference, Platform::Amd64).is_ok());
    assert_eq!(
        crate::command_line::run(
            ["orlop-image", "digest", sample.path.join("image").to_str().unwrap()].map(Into::into)
        )
        .unwrap(),
        format!("{}\n", sample.reference.digest.clone().unwrap())
    );
}

#[test]
fn two_images_of_one_name_are_not_chosen_from() {
    let one = Sample::new("one", "orlop.example/a:1", "{}");
    let two = Sample::new("two", "orlop.example/a:1", r#"{"pid":"host"}"#);
    let mut store = one.store();
    store.add(&two.path).unwrap();
    let by_name = store.resolve(&one.reference.without_digest(), Platform::Amd64);
    assert!(matches!(by_name, Err(BadImage::Ambiguous(..))));
    assert!(store.resolve(&two.reference, Platform::Amd64).is_ok());
}

#[test]
fn every_blob_that_is_read_is_compared_with_its_digest_and_its_size() {
    let sample = Sample::new("changed", "orlop.example/a:1", "{}");
    let folder = sample.path.join("image/blobs/sha256");
    let (mut changed, mut unread) = (0, 0);
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let good = fs::read(&path).unwrap();
        let mut flipped = good.clone();
        flipped[0] ^= 1;
        for (what, bad) in [("flipped", flipped), ("longer", [&good[..], b" "].concat()), ("cut", good[1..].to_vec())] {
            fs::write(&path, bad).unwrap();
            match sample.store().resolve(&sample.reference, Platform::Amd64) {
                Err(BadImage::Layout { .. } | BadImage::Size { .. }) => changed += 1,
                // The other platform's manifest, configuration and layer are not read.
                Ok(_) => unread += 1,
                Err(other) => panic!("{what}: {other}"),
            }
        }
        fs::write(&path, good).unwrap();
    }
    assert_eq!((changed, unread), (4 * 3, 3 * 3), "index, manifest, configuration, layer");
}

#[test]
fn an_image_for_another_platform_says_what_there_is() {
    let sample = Sample::new("platform", "orlop.example/a:1", "{}");
    let index: ImageIndex = sample.store().places[0].json(&sample.store().listed().next().unwrap().1.clone()).unwrap();
    let mut only = index.clone();
    only.set_manifests(vec![index.manifests()[0].clone()]);
    let error = of_platform(&only, Platform::Arm64).unwrap_err().to_string();
    assert_eq!(error, "it is not for linux/arm64: it has linux/amd64");
}

#[test]
fn a_layer_with_another_archive_than_the_configuration_says_is_refused() {
    let mut layout = Layout::default();
    let tree = |content: &[u8]| {
        let mut tree = Tree::default();
        tree.put("/a", Node::File { mode: 0o644, content: content.to_vec() });
        tree
    };
    let good = image::put_tree(&mut layout, &tree(b"good"), Platform::Amd64, &[], HashMap::new(), 7).unwrap();
    let mut manifest: ImageManifest = layout.json(&good).unwrap();
    let other = layer::Layer::pack(&tree(b"evil"), 7).unwrap();
    let other = layout.put(MediaType::ImageLayerGzip, other.compressed);
    manifest.set_layers(vec![other]);
    let evil = layout.put_json(MediaType::ImageManifest, &manifest);
    let place = Place::Archive { path: PathBuf::from("x"), layout };
    assert!(load(&place, &good, Platform::Amd64).is_ok());
    assert!(matches!(load(&place, &evil, Platform::Amd64), Err(BadImage::DiffId(_))));
}

#[test]
fn a_place_without_images_is_refused_with_help() {
    let sample = Sample::new("empty", "orlop.example/a:1", "{}");
    for path in [sample.path.join("image/blobs"), sample.path.join("nowhere"), sample.path.join("image/index.json")] {
        let error = Store::default().add(&path).unwrap_err().to_string();
        assert!(error.contains("no images in") && error.contains("help: give an OCI layout"), "{error}");
    }
}
