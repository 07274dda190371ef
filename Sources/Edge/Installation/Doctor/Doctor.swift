package import FoundationEssentials

/// Examines everything that a server needs, and reports faults with their remedies. It only reads.
package struct Doctor: Sendable {
    private let settings: Settings
    private let unknownVariables: [String]
    private let listening: any Examination
    private let isOnline: Bool
    private let now: Date

    /// - Parameters:
    ///   - unknownVariables: environment variables that look like settings but are not known.
    ///   - listening: the examination of the listening addresses.
    ///   - isOnline: whether to ask other services.
    package init(
        _ settings: Settings, unknownVariables: [String] = [], listening: any Examination, isOnline: Bool = false,
        now: Date = Date()
    ) {
        self.settings = settings
        self.unknownVariables = unknownVariables
        self.listening = listening
        self.isOnline = isOnline
        self.now = now
    }

    private func examinations(of folder: OpenedFolder) -> [any Examination] {
        [
            SettingsExamination(settings: settings, unknownVariables: unknownVariables),
            FolderExamination(folder: settings.dataFolder),
            DatabaseExamination(folder: folder, now: now),
            SharedDatabaseExamination(folder: folder, settings: settings.storage, now: now),
            MasterKeyExamination(folder: folder),
            TrailExamination(folder: folder, file: settings.checkpoints.url, now: now),
            listening,
            TLSExamination(settings: settings, now: now),
            CredentialExamination(settings: settings, folder: folder, isOnline: isOnline, now: now),
            EndorsementExamination(settings: settings, folder: folder, isOnline: isOnline, now: now),
            PolicyExamination(settings: settings),
            ReferenceExamination(folder: folder, hasAgent: settings.policyAgent != nil, now: now),
            StartExamination(settings: settings),
            SystemExamination(settings: settings),
            LibraryExamination(settings: settings),
        ]
    }

    /// All findings, in a stable order.
    package func examine() async -> [Finding] {
        let folder = await OpenedFolder(settings)
        var findings: [Finding] = []
        for examination in examinations(of: folder) { findings += await examination.findings() }
        await folder.close()
        return findings
    }
}
