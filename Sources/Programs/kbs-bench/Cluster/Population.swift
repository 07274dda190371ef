import Broker
import Bytes
import Crypto
import Evidence
import Files
import FoundationEssentials
import SimulatedHardware
import Storage

/// Workloads by number, in any quantity, and a guest for each.
struct Population: Sendable {
    private let platform: SimulatedSNPPlatform
    private let signer: SimulatedSNPPlatform.SigningKey
    private let tcb = TCBVersion(bootLoader: 4, tee: 0, snp: 22, microcode: 213)
    /// One for all guests: to make one takes longer than a handshake.
    private let key: SimulatedSNPGuest.Key

    init(on platform: SimulatedSNPPlatform) throws {
        self.platform = platform
        signer = try platform.vcek(tcb: tcb)
        key = try SimulatedSNPGuest.Key()
    }

    static func id(_ number: Int) -> String { "bench/\(number)" }
    static func secret(_ number: Int) -> String { "the secret of number \(number)" }
    /// What PostgreSQL's `sha384` makes of an id too.
    private static func measurement(_ number: Int) -> [UInt8] { Array(SHA384.hash(data: Array(id(number).utf8))) }

    /// - Parameter sendsCertificates: as the first guest of a machine must; libkrun's client sends none.
    func guest(_ number: Int, sendsCertificates: Bool = false) throws -> SimulatedSNPGuest {
        var guest = try SimulatedSNPGuest(
            workload: Self.id(number), on: platform, measurement: Self.measurement(number), tcb: tcb, signer: signer,
            key: key)
        if !sendsCertificates { guest.certificates = [] }
        return guest
    }

    /// Registers one workload as any registrant does. The others are made after it.
    static func registerFirst(over transport: GuestTransport) async throws {
        try await transport.register(
            id(0), measurement: Hex.encode(measurement(0)),
            configuration: #"{"flags":{"bits":3},"minfw":{"major":0,"minor":0}}"#, secret: secret(0))
    }

    /// Registers workloads past the server, in bulk: the rows are what registering would have made, their secrets
    /// sealed under the server's key. There are no records of it in the trail.
    static func register(_ numbers: Range<Int>, in database: DatabaseServer, keys: KeyRing) async throws {
        let store = try await database.store(Manifest(keys))
        defer { Task { await store.close() } }
        guard let first = try await store.workload(WorkloadID(id(0))) else {
            throw ServerProcess.Failure(description: "the first workload is not registered")
        }
        let file = temporaryPath()
        defer { _ = try? File.remove(file) }
        try writeSecrets(of: numbers, like: first, keys, to: file)
        let rows = "generate_series(\(numbers.lowerBound), \(numbers.upperBound - 1)) AS n"
        // Number n has row n + 1: the first has row 1.
        _ = try await database.sql(
            """
            INSERT INTO workloads (row, id, tee, digest, guest_policy, tee_config, registered)
                SELECT n + 1, 'bench/' || n, 'snp', sha384(('bench/' || n)::bytea), f.guest_policy, f.tee_config,
                    extract(epoch FROM now())::bigint
                FROM \(rows), workloads f WHERE f.row = \(first.row);
            SELECT setval(pg_get_serial_sequence('workloads', 'row'), \(numbers.upperBound))
            """)
        _ = try await database.sql("\\copy secrets (workload, sealed, master_key) FROM '\(file)'")
        var last = ""
        while case let page = try await store.workloads(after: last, search: "", limit: 1_000), let end = page.last {
            try await store.list(page)
            last = end.id.text
        }
        _ = try await database.sql("VACUUM ANALYZE")
        _ = try await database.sql("CHECKPOINT")
    }

    private static func writeSecrets(
        of numbers: Range<Int>, like first: Workload, _ keys: KeyRing, to path: String
    ) throws {
        guard case .snp(_, let policy) = first.launch, first.row == 1 else {
            throw ServerProcess.Failure(description: "the first workload is not as it was registered")
        }
        // psql, which reads it, runs as another user.
        let file = try OpenFile(path, .overwrite(mode: 0o644))
        var text = ""
        for number in numbers {
            let launch = Launch.snp(measurement: measurement(number), policy: policy)
            let sealed = try keys.seal(
                Secret(Array(secret(number).utf8)), for: .secret(WorkloadID(id(number)), launch))
            text += "\(number + 1)\t\\\\x\(Hex.encode(sealed.bytes))\t\(sealed.masterKey)\n"
            if text.utf8.count > 1 << 20 {
                try file.write(Array(text.utf8))
                text = ""
            }
        }
        try file.write(Array(text.utf8))
        try file.close()
    }
}
