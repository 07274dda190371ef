import Broker
import FoundationEssentials
import MasterKeys
import PostgreSQL
import Storage

/// The data folder for all examinations, opened once and read-only.
struct OpenedFolder: Sendable {
    let database: URL
    let masterKeys: MasterKeySources
    /// Warnings about users who can read the files of master keys.
    let keyWarnings: [String]
    /// `nil`: the file does not exist yet, or the database is shared.
    let inspection: Result<DatabaseInspection, any Error>?
    /// `nil`: the database is a file.
    let shared: Result<PostgreSQLInspection, any Error>?
    /// `nil`: the first start makes the key.
    let keys: Result<KeyRing, any Error>?

    init(_ settings: Settings) async {
        let database = DataFolder.database(in: settings.dataFolder)
        let reader = MasterKeyReader(settings.masterKeys, folder: settings.dataFolder)
        self.database = database
        masterKeys = settings.masterKeys
        keyWarnings = reader.warnings
        let configuration: PostgreSQLConfiguration? =
            if case .postgreSQL(let configuration)? = try? settings.database() { configuration } else { nil }
        let isThere = configuration != nil || DataFolder.exists(database)
        let isMadeLater = !isThere && reader.masterFile.map { !DataFolder.exists($0) } == true
        keys = isMadeLater ? nil : Result { try KeyRing { try reader.read(fresh: $0) } }
        let manifest = (try? keys?.get()).map(Manifest.init)
        if let configuration {
            inspection = nil
            do {
                shared = .success(try await PostgreSQLInspection(configuration, manifest: manifest))
            } catch {
                shared = .failure(error)
            }
        } else {
            inspection = isThere ? Result { try DatabaseInspection(database, manifest: manifest) } : nil
            shared = nil
        }
    }

    /// The database, if it can be read.
    var store: (any ServerStore)? {
        if let shared { return try? shared.get().store }
        return try? inspection?.get().store
    }

    func close() async { try? await shared?.get().store?.close() }
}
