import Arguments
import Broker
import Crypto
import Evidence
import Files
import FoundationEssentials
import MasterKeys
import SimulatedHardware
import Storage

/// Replicas on one PostgreSQL server: docs/scale.md.
struct ClusterBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Measure replicas on a PostgreSQL server that is started for it, beside one server on SQLite.",
        discussion: "Everything shares this machine's cores, so the rates say little, and the costs per handshake much."
    )

    @Option(help: "The kbs binary.") var server: String
    @Option(help: "How many simulated guests run at a time.") var guests = 64
    @Option(help: "How long each load runs, in seconds.") var seconds = 10
    @Option(help: "How many replicas there are, one number for each run.") var replicas = "1,2,4"
    @Option(help: "How many workloads there are in the large database; the small one has 1,000.")
    var workloads = 1_000_000
    @Option(help: "How many sessions are live in the run with many.") var sessions = 100_000
    @Option(help: "How many guests start at once in the boot storm; 0 for none.") var storm = 10_000

    @Option(name: .customLong("set"), help: "A setting of the servers, name=value. May be repeated.")
    var settings: [String] = []
    @Option(help: "A setting of PostgreSQL, name=value. May be repeated.") var databaseSetting: [String] = []

    private static let few = 1_000

    private var most: Int { counts.max() ?? 1 }
    private var counts: [Int] { replicas.split(separator: ",").compactMap { Int($0) }.filter { $0 > 0 } }

    func validate() throws {
        guard !counts.isEmpty else { throw ValidationError("--replicas is a list of numbers: 1,2,4") }
        guard workloads >= Self.few else { throw ValidationError("--workloads is \(Self.few) or more") }
    }

    func run() async throws {
        try await BareVerification.reportBoth()
        let platform = try SimulatedSNPPlatform(product: .milan)
        let population = try Population(on: platform)
        let master = SymmetricKey(size: .bits256)
        let folder = try BenchFolder()
        defer { folder.remove() }
        let keyFile = folder.file("keys")
        try KeyFile(URL(filePath: keyFile)).write([master])

        report("\n\(ClusterMeasurement.heading)")
        var plan = ServerProcess.Plan(binary: server, roots: platform.roots)
        plan.arguments =
            ["--set", "limits.connections_per_address=1000000"] + settings.flatMap { ["--set", $0] }
        report(try await measureSQLite(plan, population).row("SQLite, 1 server"))

        let database = try await DatabaseServer.start(databaseSetting)
        plan.arguments += ["--set", "storage.url=\(database.uri)", "--keys-master", "file:\(keyFile)"]
        do {
            try await measureHandshakes(plan, population, database, KeyRing(master: master))
            if storm > 0 { try await runStorm(plan, population, database) }
            try await examine(database, keyFile, folder)
            try await appendToTrail(database)
        } catch {
            try await database.remove()
            throw error
        }
        try await database.remove()
    }

    // MARK: Loads

    private func measureHandshakes(
        _ plan: ServerProcess.Plan, _ population: Population, _ database: DatabaseServer, _ keys: KeyRing
    ) async throws {
        try await register(Self.few, plan, database, keys)
        for count in counts {
            let (measured, _) = try await measure(count, plan, population, Self.few, database)
            report(measured.row("PostgreSQL, \(count) replicas"))
        }
        let (alone, _) = try await measure(most, plan, population, Self.few, database, guests: 1)
        report(alone.row("\(most) replicas, one guest at a time"))

        try await database.countStatements(true)
        let (_, handshakes) = try await measure(most, plan, population, Self.few, database)
        let statements = try await database.statements(handshakes: handshakes)
        try await database.countStatements(false)

        var loaded = 0.0
        if workloads > Self.few {
            let start = ContinuousClock.now
            try await Population.register(Self.few..<workloads, in: database, keys: keys)
            loaded = Load.seconds(since: start)
            let (large, _) = try await measure(most, plan, population, workloads, database)
            report(large.row("\(most) replicas, \(workloads) workloads"))
        }
        if sessions > 0 {
            try await openSessions(database)
            let (crowded, _) = try await measure(most, plan, population, workloads, database)
            report(crowded.row("\(most) replicas, and \(sessions) live sessions"))
        }
        report("\nStatements of a handshake, \(most) replicas, 1,000 workloads:\n")
        for line in statements { report("- \(line)") }
        if loaded > 0 { report("\n\(workloads) workloads were loaded in \(Int(loaded)) s.") }
    }

    private func measureSQLite(_ plan: ServerProcess.Plan, _ population: Population) async throws -> ClusterMeasurement
    {
        let servers = try await Replicas.start(1, plan)
        try await Population.registerFirst(over: servers.transports[0])
        // All are one workload's: with SQLite this makes no difference, as the rows are in memory.
        let crowd = try (0..<guests).map { try population.guest(0, sendsCertificates: $0 == 0) }
        for guest in crowd { try await servers.boot(guest, expecting: Population.secret(0)) }
        let measured = try await load(servers, nil, guests) { _ in (try population.guest(0), Population.secret(0)) }
        await servers.stop()
        return measured
    }

    /// - Returns: what was measured, and how many handshakes there were in all.
    private func measure(
        _ count: Int, _ plan: ServerProcess.Plan, _ population: Population, _ workloads: Int,
        _ database: DatabaseServer,
        guests: Int? = nil
    ) async throws -> (ClusterMeasurement, Int) {
        // The trail and what it has left behind are cleared away before and not meanwhile.
        _ = try await database.sql("VACUUM")
        _ = try await database.sql("CHECKPOINT")
        let before = try await database.counters()
        let guests = guests ?? self.guests
        let servers = try await Replicas.start(count, plan)
        let warming = 8 * count
        for number in 0..<warming {
            let guest = try population.guest(number, sendsCertificates: number < 2 * count)
            try await servers.boot(guest, expecting: Population.secret(number))
        }
        var measured = try await load(servers, database, guests) { _ in
            let number = Int.random(in: 0..<workloads)
            return (try population.guest(number), Population.secret(number))
        }
        // Its connections end, and tell what they did.
        await servers.stop()
        try await Task.sleep(for: .milliseconds(500))
        let after = try await database.counters()
        let handshakes = measured.load.requests + warming
        func each(_ count: Int) -> Double { Double(count) / Double(handshakes) }
        let logged = try await database.logged(from: before.position, to: after.position)
        measured.log = ClusterMeasurement.Log(
            changes: each(logged.changes), pages: each(logged.pages), flushes: each(after.flushes - before.flushes),
            transactions: each(after.transactions - before.transactions), commits: each(after.commits - before.commits))
        return (measured, handshakes)
    }

    private func load(
        _ servers: Replicas, _ database: DatabaseServer?, _ guests: Int,
        _ guest: @escaping @Sendable (Int) throws -> (SimulatedSNPGuest, String)
    ) async throws -> ClusterMeasurement {
        let before = (servers.cpuTime, database?.cpuTime ?? 0, ProcessStatistics.ownCPUTime)
        let load = try await Load.run(workers: guests, seconds: seconds) { worker in
            let (guest, secret) = try guest(worker)
            try await servers.boot(guest, expecting: secret)
        }
        let after = (servers.cpuTime, database?.cpuTime ?? 0, ProcessStatistics.ownCPUTime)
        func each(_ seconds: Double) -> Double { seconds / Double(max(load.requests, 1)) }
        return ClusterMeasurement(
            load: load, serverCPU: each(after.0 - before.0),
            databaseCPU: database == nil ? nil : each(after.1 - before.1), clientCPU: each(after.2 - before.2))
    }

    private func runStorm(
        _ plan: ServerProcess.Plan, _ population: Population, _ database: DatabaseServer
    ) async throws {
        let servers = try await Replicas.start(most, plan)
        try await servers.boot(population.guest(0, sendsCertificates: true), expecting: Population.secret(0))
        let before = (servers.cpuTime, database.cpuTime, ProcessStatistics.ownCPUTime)
        let outcome = try await BootStorm.run(storm, workloads: workloads, of: population, on: servers)
        func each(_ seconds: Double) -> String { micro(seconds / Double(storm)) }
        func share(_ share: Double) -> String {
            "\(decimal(outcome.times[Int(Double(outcome.times.count - 1) * share)], 1)) s"
        }
        report(
            """

            Boot storm of \(storm) guests at once, \(most) replicas: half had their key after \(share(0.5)), \
            99 % after \(share(0.99)), the last after \(share(1)). CPU of each: kbs \(each(servers.cpuTime - before.0)), \
            PostgreSQL \(each(database.cpuTime - before.1)), the guests \(each(ProcessStatistics.ownCPUTime - before.2)).
            """)
        let failures = outcome.failures.sorted { $0.value > $1.value }.map { "\($0.value) × \($0.key)" }
        report("Tried again: \(failures.isEmpty ? "never" : failures.joined(separator: ", ")).")
        let limits = try await servers.limitsReached()
        report("Limits reached: \(limits.isEmpty ? "none" : limits.joined(separator: ", ")).")
        report("Most memory of a server: \(megabytes(servers.servers.map(\.statistics.peakMemory).max() ?? 0)) MB.")
        await servers.stop()
    }

    /// Nothing but records, from as many stores as there are replicas: what the turns at the trail's head allow.
    private func appendToTrail(_ database: DatabaseServer) async throws {
        var stores: [PostgreSQLStore] = []
        for _ in 0..<most { stores.append(try await database.store()) }
        let before = (try await database.counters(), database.cpuTime)
        let load = try await Load.run(workers: 512 * most, seconds: seconds) { [stores] worker in
            let record = AuditRecord(.attest, by: .guest, workload: Population.id(worker), session: "bench", at: Date())
            try await stores[worker % stores.count].record([record], attempt: nil)
        }
        let cpu = database.cpuTime - before.1
        for store in stores { await store.close() }
        let transactions = try await database.counters().transactions - before.0.transactions
        report(
            """

            The trail alone, \(most) writers with 512 records at a time each: \(Int(load.rate)) records/s, \
            \(load.requests / max(1, transactions)) in a transaction, PostgreSQL CPU \
            \(micro(cpu / Double(max(1, load.requests)))) each.
            """)
    }

    // MARK: The database

    /// The first workloads, which the others are made like.
    private func register(
        _ count: Int, _ plan: ServerProcess.Plan, _ database: DatabaseServer, _ keys: KeyRing
    ) async throws {
        let servers = try await Replicas.start(1, plan)
        try await Population.registerFirst(over: servers.transports[0])
        await servers.stop()
        try await Population.register(1..<count, in: database, keys: keys)
    }

    /// Live sessions, as large as real ones. Nobody has their cookies.
    private func openSessions(_ database: DatabaseServer) async throws {
        _ = try await database.sql(
            """
            INSERT INTO sessions (id, workload, tee, chip, opened, expires, master_key, code, init_data, claims, key, token)
            SELECT substr(sha256(('id' || n)::bytea), 1, 16), n % \(workloads) + 1, 'snp',
                encode(sha512((n % 1000)::text::bytea), 'hex'), extract(epoch FROM now())::bigint,
                extract(epoch FROM now())::bigint + 3600, (SELECT master_key FROM secrets LIMIT 1),
                sha256(('code' || n)::bytea), '', repeat(encode(sha512(('a' || n)::bytea), 'hex'), 8),
                repeat(encode(sha512(('b' || n)::bytea), 'base64'), 4), ''
            FROM generate_series(1, \(sessions)) AS n
            """)
        _ = try await database.sql("VACUUM ANALYZE sessions")
    }

    /// How large the tables are, and how long it takes to go through them.
    private func examine(
        _ database: DatabaseServer, _ keyFile: String, _ folder: BenchFolder
    ) async throws {
        report("\n| table | rows | bytes of a row | and in indexes |\n| --- | --- | --- | --- |")
        for line in try await database.sizes() { report(line) }
        func timed<T>(_ name: String, _ body: () async throws -> T) async throws {
            let start = ContinuousClock.now
            let result = try await body()
            report("- \(name): \(result) in \(milli(Load.seconds(since: start)))")
        }
        report("")
        let store = try await database.store()
        try await timed("counting workloads") { try await store.countWorkloads() }
        try await timed("counting live sessions") { try await store.countSessions(at: Date()) }
        try await timed("looking for an operator's page of 100 workloads") {
            try await store.workloads(after: "bench/5", search: "", limit: 100).count
        }
        try await timed("sweeping all sessions, as if they had expired") {
            try await store.sweepSessions(before: Date(timeIntervalSince1970: 1e10))
        }
        try await timed("trimming attempts to 10,000") { try await store.trimAttempts(keeping: 10_000) }
        await store.close()
        try await timed("kbs audit verify") {
            try await ServerProcess.run(
                server, ["audit", "verify", "--data", folder.file("data")],
                environment: ["KBS_STORAGE_URL": database.uri, "KBS_KEYS_MASTER": "file:\(keyFile)"]
            ).split(separator: "\n").first ?? ""
        }
    }
}
