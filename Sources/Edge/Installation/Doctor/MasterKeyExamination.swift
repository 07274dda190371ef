import Broker
import FoundationEssentials
import MasterKeys
import Storage

/// The master key: its existence and permissions, and whether it opens the database.
struct MasterKeyExamination: Examination {
    let folder: OpenedFolder

    func findings() async -> [Finding] { await keyFindings() + readers }

    private var readers: [Finding] {
        folder.keyWarnings.map {
            .warning("keys.readers", $0, do: "let only the server's user read it: it opens every secret")
        }
    }

    private func keyFindings() async -> [Finding] {
        let source = "\(folder.masterKeys.master)"
        let keys: KeyRing
        switch folder.keys {
        case nil: return [.ok("keys.master", "the first start makes it (\(source))")]
        case .failure(let error)?:
            return [
                .problem(
                    "keys.master", "\(error)",
                    do: "see docs/keys.md; a credential of systemd is there for the service only (docs/install.md)")
            ]
        case .success(let ring)?: keys = ring
        }
        let id = keys.held.active.id
        guard let store = folder.store else { return [.ok("keys.master", "\(id), from \(source)")] }
        do {
            let unopened = try await Resealing.unopened(with: keys, in: store)
            guard unopened.isEmpty else {
                return [
                    .problem(
                        "keys.master", "\(id) and its predecessors do not open \(Self.list(unopened))",
                        do: "name the key that they are sealed under with keys.master or keys.previous (docs/keys.md)")
                ]
            }
            let opened = Finding.ok("keys.master", "\(id), from \(source), opens everything")
            guard try await store.isAnythingSealed(notUnder: id) else { return [opened] }
            return [
                opened,
                .warning(
                    "keys.rotation", "something is still sealed under another key",
                    do: "the server reseals it; kbs keys status shows the progress"),
            ]
        } catch {
            return [.problem("keys.master", "it cannot be tried: \(error)", do: "see the findings on the database")]
        }
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(3).joined(separator: ", ") + (names.count > 3 ? " and \(names.count - 3) more" : "")
    }
}
