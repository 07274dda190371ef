import Broker
import Files
import FoundationEssentials
import Storage

/// The SQLite database: its integrity and schema.
struct DatabaseExamination: Examination {
    let folder: OpenedFolder
    let now: Date

    func findings() async -> [Finding] {
        let path = folder.database.filePath
        let inspection: DatabaseInspection
        guard folder.shared == nil else { return [] }
        switch folder.inspection {
        case nil: return [.ok("database", "\(path) is not there: the first start makes it")]
        case .failure(let error)?:
            return [
                .problem(
                    "database", "\(path) cannot be read: \(error)",
                    do: "run kbs doctor as the server's user; if it is damaged, kbs restore a backup (docs/backup.md)")
            ]
        case .success(let found)?: inspection = found
        }
        guard inspection.damage.isEmpty else {
            return [
                .problem(
                    "database", "it is damaged: \(inspection.damage.joined(separator: "; "))",
                    do: "stop the server, keep a copy of the folder, and kbs restore a backup (docs/backup.md)")
            ]
        }
        return [await contents(inspection), schema(inspection)]
    }

    private func contents(_ inspection: DatabaseInspection) async -> Finding {
        guard let store = inspection.store else { return .ok("database", "it is whole") }
        do {
            let (workloads, resources) = (try await store.countWorkloads(), try await store.countResources())
            let sessions = try await store.countSessions(at: now)
            return .ok(
                "database", "it is whole: \(workloads) workloads, \(resources) resources, \(sessions) open sessions")
        } catch {
            return .problem("database", "it cannot be read: \(error)", do: "kbs restore a backup (docs/backup.md)")
        }
    }

    private func schema(_ inspection: DatabaseInspection) -> Finding {
        switch inspection.schema {
        case .current: .ok("database.schema", "version 1")
        case .later:
            .problem(
                "database.schema", "a later version of kbs has written it",
                do: "use that version, or restore a backup from before")
        case .none:
            .problem("database.schema", "it is not a broker's database", do: "name the right folder with data")
        case .other:
            .problem("database.schema", "\(OtherSchema(isLater: false))", do: "name the right folder with data")
        }
    }
}
