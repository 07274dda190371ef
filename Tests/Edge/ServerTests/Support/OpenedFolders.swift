import Foundation
import Installation

extension BrokerAssembly {
    /// Over a data folder, with the defaults of all else; nobody elsewhere is asked.
    init(_ folder: URL) async throws {
        var settings = Settings()
        settings.dataFolder = folder
        try await self.init(opening: settings)
    }
}
