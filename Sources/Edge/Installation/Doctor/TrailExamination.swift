import Broker
import Files
import Formats
import FoundationEssentials
import Glibc
import Storage

/// The audit trail: whether it agrees with its last checkpoint, and whether checkpoints can be written.
struct TrailExamination: Examination {
    let folder: OpenedFolder
    let file: URL
    let now: Date

    func findings() async -> [Finding] {
        [writing, await agreement(), await manifest(), await clock()].compactMap(\.self)
    }

    private var writing: Finding {
        let path = file.filePath
        let parent = file.deletingLastPathComponent()
        let target = DataFolder.exists(file) ? path : parent.filePath
        // The first start makes a missing data folder, also beside a shared database.
        let isMadeLater =
            !DataFolder.exists(parent)
            && parent.standardizedFileURL == folder.database.deletingLastPathComponent().standardizedFileURL
        guard isMadeLater || access(target, W_OK) == 0 else {
            return .problem(
                "audit.checkpoints", "\(path) cannot be written: \(String(cString: strerror(errno)))",
                do: "give \(target) to the server's user, or name another file with audit.checkpoint_file")
        }
        return .ok("audit.checkpoints", "go to \(path)")
    }

    private func agreement() async -> Finding? {
        guard let store = folder.store, let keys = try? folder.keys?.get() else { return nil }
        do {
            guard let key = try await Trail.existingKey(keys, store) else {
                return .ok("audit.trail", "no checkpoint was signed yet")
            }
            let end = try await TrailCheck(
                CheckpointFile(file), store: store, publicKey: key.publicKey,
                mustBeThere: try await Trail.mustHaveCheckpoint(store)
            ).verifiedEnd()
            return .ok("audit.trail", "\(end.sequence) records; the last checkpoint agrees")
        } catch {
            return .problem(
                "audit.trail", "\(error)",
                do:
                    "find out who wrote to the database; kbs audit verify with checkpoints kept elsewhere tells more"
            )
        }
    }

    /// Whether the deciding rows agree with the manifest.
    private func manifest() async -> Finding? {
        guard let store = folder.store, (try? folder.keys?.get()) != nil else { return nil }
        do {
            let violations = try await store.manifestViolations(limit: 5)
            guard violations.isEmpty else {
                return .problem(
                    "database.manifest", violations.joined(separator: " "),
                    do: "find out who wrote to the database; docs/audit.md has the next steps")
            }
            return .ok("database.manifest", "the deciding rows agree with the manifest")
        } catch {
            return .problem("database.manifest", "\(error)", do: "use the server's master key")
        }
    }

    /// Compares the time of the trail's last record with the clock.
    private func clock() async -> Finding? {
        guard let store = folder.store, let head = try? await store.auditHead(), head.sequence > 0,
            let entry = try? await store.auditEntries(after: head.sequence - 1, limit: 1).first,
            let text = (try? JSON(Array(entry.record.utf8)))?["time"]?.asText, let last = RFC3339.date(text)
        else { return nil }
        let ahead = last.timeIntervalSince(now)
        guard ahead > 60 else { return nil }
        return .problem(
            "clock.trail", "the last record of the trail is \(Int(ahead)) seconds in the future",
            do: "set the clock, and keep it by NTP: certificates and sessions expire by it")
    }
}
