import SQLite
import Testing

@Suite("Migrations")
struct MigratorTests {
    private let queue: DatabaseQueue
    private let file: TestDatabase

    init() throws {
        file = try TestDatabase()
        queue = try DatabaseQueue(path: file.path)
    }

    private var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("v1") {
            try $0.execute(
                sql: """
                    CREATE TABLE parent (id INTEGER PRIMARY KEY);
                    CREATE TABLE child (parent INTEGER REFERENCES parent (id));
                    """)
        }
        migrator.registerMigration("v2") { try $0.execute(sql: "INSERT INTO parent VALUES (1)") }
        return migrator
    }

    private struct State: Equatable {
        var completed: [String]
        var isComplete = false
        var isSuperseded = false
    }

    private func state(_ migrator: DatabaseMigrator) throws -> State {
        try queue.read { database in
            State(
                completed: try migrator.completedMigrations(database),
                isComplete: try migrator.hasCompletedMigrations(database),
                isSuperseded: try migrator.hasBeenSuperseded(database))
        }
    }

    private func has(_ table: String) throws -> Bool { try queue.read { try $0.tableExists(table) } }

    private func count(_ table: String) throws -> Int? {
        try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") }
    }

    @Test("Each is applied once, in order, and remembered in the table that earlier releases have")
    func applied() throws {
        try migrator.migrate(queue, upTo: "v1")
        #expect(try state(migrator) == State(completed: ["v1"]))
        try migrator.migrate(queue)
        try migrator.migrate(queue)
        #expect(try state(migrator) == State(completed: ["v1", "v2"], isComplete: true))
        let table = try queue.read {
            try String.fetchOne($0, sql: "SELECT sql FROM sqlite_master WHERE name = 'grdb_migrations'")
        }
        #expect(table == "CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY)")
    }

    @Test("A database without any has none, and is not changed by the question")
    func none() throws {
        #expect(try state(migrator) == State(completed: []))
        #expect(try !has("grdb_migrations"))
    }

    @Test("A step of a later version is noticed; a gap ends what is complete")
    func superseded() throws {
        try migrator.migrate(queue)
        try queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('v9')") }
        #expect(try state(migrator) == State(completed: ["v1", "v2"], isComplete: true, isSuperseded: true))
        try queue.write { try $0.execute(sql: "DELETE FROM grdb_migrations WHERE identifier = 'v1'") }
        #expect(try state(migrator) == State(completed: [], isSuperseded: true))
    }

    @Test("One that fails leaves nothing, and those before it stay")
    func failing() throws {
        var migrator = migrator
        migrator.registerMigration("v3") { try $0.execute(sql: "CREATE TABLE new (a); INSERT INTO nowhere VALUES (1)") }
        #expect(throws: DatabaseError.self) { try migrator.migrate(queue) }
        #expect(try state(migrator) == State(completed: ["v1", "v2"]))
        #expect(try !has("new"))
    }

    @Test("A parent table can be made anew, as references are looked at when the step is done")
    func rebuilding() throws {
        var migrator = migrator
        migrator.registerMigration("v3") { database in
            try database.execute(
                sql: """
                    INSERT INTO child VALUES (1);
                    CREATE TABLE new_parent (id INTEGER PRIMARY KEY, name TEXT);
                    INSERT INTO new_parent SELECT id, 'x' FROM parent;
                    DROP TABLE parent;
                    ALTER TABLE new_parent RENAME TO parent;
                    """)
        }
        try migrator.migrate(queue)
        #expect(try count("child") == 1)
    }

    @Test("A step that leaves a reference to nothing is undone, and references are enforced again")
    func references() throws {
        var migrator = migrator
        migrator.registerMigration("v3") { try $0.execute(sql: "INSERT INTO child VALUES (99)") }
        let failure = #expect(throws: DatabaseError.self) { try migrator.migrate(queue) }
        #expect(failure?.resultCode == .constraint)
        #expect(failure?.message.contains("v3 leaves rows of child that refer to rows of parent") == true)
        #expect(try count("child") == 0)
        #expect(throws: DatabaseError.self) {
            try queue.writeWithoutTransaction { try $0.execute(sql: "INSERT INTO child VALUES (99)") }
        }
    }

    @Test("Processes that migrate at once apply each step once")
    func together() async throws {
        try await withThrowingTaskGroup { group in
            for _ in 0..<8 {
                let (path, migrator) = (file.path, migrator)
                group.addTask { try migrator.migrate(DatabaseQueue(path: path)) }
            }
            try await group.waitForAll()
        }
        #expect(try count("parent") == 1)
    }
}
