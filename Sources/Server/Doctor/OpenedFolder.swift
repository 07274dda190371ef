import Broker
import Foundation
import MasterKeys
import Storage

/// The data folder as several examinations see it: opened once, and only to read.
struct OpenedFolder: Sendable {
    let database: URL
    let masterKeys: MasterKeySources
    /// `nil`: there is none yet.
    let inspection: Result<DatabaseInspection, any Error>?
    /// `nil`: the first start will make the key.
    let keys: Result<KeyRing, any Error>?

    init(_ settings: Settings) {
        let database = DataFolder.database(in: settings.dataFolder)
        let reader = MasterKeyReader(settings.masterKeys, folder: settings.dataFolder)
        self.database = database
        masterKeys = settings.masterKeys
        inspection = DataFolder.exists(database) ? Result { try DatabaseInspection(database) } : nil
        let isMadeLater = inspection == nil && reader.masterFile.map { !DataFolder.exists($0) } == true
        keys = isMadeLater ? nil : Result { try KeyRing { try reader.read(fresh: $0) } }
    }

    /// The database, if it can be asked.
    var store: SQLiteStore? { try? inspection?.get().store }
}
