import Broker
import FoundationEssentials
import Storage

/// A PostgreSQL database: reachable, configured securely, with a known schema.
struct SharedDatabaseExamination: Examination {
    let folder: OpenedFolder
    let settings: StorageSettings
    let now: Date

    func findings() async -> [Finding] {
        switch folder.shared {
        case nil: return []
        case .failure(let error)?:
            return [
                .problem(
                    "database", "it cannot be reached: \(error)",
                    do:
                        "see that the server of storage.url runs, lets this machine in (pg_hba.conf), and knows the user"
                )
            ]
        case .success(let found)?:
            return [
                await contents(found), schema(found), version(found), transport(found), durability(found),
                privileges(found), trail(found), connections(found), clock(found),
            ]
        }
    }

    private func contents(_ found: PostgreSQLInspection) async -> Finding {
        guard let store = found.store else { return .ok("database", "it can be reached") }
        do {
            let (workloads, sessions) = (try await store.countWorkloads(), try await store.countSessions(at: now))
            return .ok("database", "\(found.address): \(workloads) workloads, \(sessions) open sessions")
        } catch {
            return .problem("database", "it cannot be read: \(error)", do: "see what PostgreSQL's own log says")
        }
    }

    private func schema(_ found: PostgreSQLInspection) -> Finding {
        switch found.schema {
        case .current(let version): return .ok("database.schema", "v\(version)")
        case .later(let version):
            return .problem(
                "database.schema", "version \(version), which a later version of kbs has written",
                do: "use that version")
        case .laterAndCompatible(let version):
            return .warning(
                "database.schema", "version \(version): a later version of kbs works on it, and this one can too",
                do: "bring this server up to date as well")
        case .earlier(let version):
            return .warning(
                "database.schema", "version \(version): it must be brought up to date",
                do: settings.migrates ? "the next start does it; see docs/replicas.md first" : "kbs migrate")
        case .none:
            return .ok(
                "database.schema",
                settings.migrates ? "there is none: the first start makes it" : "there is none: kbs migrate makes it")
        }
    }

    private func version(_ found: PostgreSQLInspection) -> Finding {
        let text = "PostgreSQL \(found.serverVersion / 10_000).\(found.serverVersion % 10_000)"
        return found.serverVersion >= 150_000
            ? .ok("database.version", text)
            : .problem("database.version", text, do: "use 15 or later")
    }

    private func transport(_ found: PostgreSQLInspection) -> Finding {
        switch found.transport {
        case .tls where !found.verifiesServer:
            .warning(
                "database.tls",
                "\(found.transport), but sslmode does not authenticate the server",
                do: "use sslmode=verify-full, with sslrootcert, in storage.url")
        case .localSocket, .tls: .ok("database.tls", found.transport.description)
        case .plain where found.isOnThisMachine: .ok("database.tls", "not used, on this machine")
        case .plain:
            .problem(
                "database.tls", "traffic to the database can be read and changed on the network",
                do: "remove sslmode from storage.url: by default the server is authenticated")
        }
    }

    private func durability(_ found: PostgreSQLInspection) -> Finding {
        guard found.isFlushed else {
            return .problem(
                "database.durability", "fsync or full_page_writes is off: a power failure loses the database",
                do: "set both to on in postgresql.conf")
        }
        return .ok("database.durability", "synchronous_commit is \(found.synchronousCommit)")
    }

    private func privileges(_ found: PostgreSQLInspection) -> Finding {
        found.isSuperuser
            ? .warning(
                "database.role", "\(found.role) is a superuser, who may do anything to the whole server",
                do: "make a role that owns this database only (docs/replicas.md)")
            : .ok("database.role", found.role)
    }

    private func trail(_ found: PostgreSQLInspection) -> Finding {
        found.mayChangeTrail
            ? .warning(
                "database.trail", "\(found.role) may change and remove records of the trail",
                do: "as the tables' owner, another role: REVOKE UPDATE, DELETE ON audit FROM \(found.role)")
            : .ok("database.trail", "\(found.role) may only add to it")
    }

    private func connections(_ found: PostgreSQLInspection) -> Finding {
        let text =
            "\(found.openConnections) of \(found.mostConnections) are in use, and a server takes \(settings.connections)"
        return found.mostConnections - found.openConnections >= settings.connections
            ? .ok("database.connections", text)
            : .warning(
                "database.connections", text, do: "raise max_connections, or lower storage.connections of the servers")
    }

    private func clock(_ found: PostgreSQLInspection) -> Finding {
        let seconds = Int(abs(found.clockOffset).rounded())
        guard abs(found.clockOffset) <= Lifetimes.sharedClockTolerance else {
            return .problem(
                "clock.database", "this machine's clock and the database's are \(seconds) seconds apart",
                do: "keep both by NTP: a server this far off is not ready")
        }
        return .ok("clock.database", "\(seconds) seconds apart")
    }
}
