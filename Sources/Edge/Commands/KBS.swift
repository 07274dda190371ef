package import Arguments
import GuestCommands
import Release

/// The program `kbs`.
package struct KBS: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "kbs",
        abstract: "A key broker for confidential workloads.",
        discussion: """
            It holds secrets for guests whose memory the host cannot read, and releases each to the guest that it was \
            registered for, once that guest has been attested by hardware.
            """,
        version: Build.version,
        subcommands: [
            ServeCommand.self, WorkloadCommand.self, ResourceCommand.self, PolicyCommand.self, ReferenceCommand.self,
            AttemptsCommand.self, FleetCommand.self, SessionsCommand.self, TokenCommand.self, AuditCommand.self,
            StatusCommand.self, EndorsementsCommand.self, KeysCommand.self, BackupCommand.self,
            RestoreCommand.self, VerifyCommand.self, MeasureCommand.self, IDBlockCommand.self, TLSCommand.self,
            GuestCommand.self, SettingsCommand.self, DoctorCommand.self, HealthCommand.self, MigrateCommand.self,
            StorageCommand.self,
            DemoCommand.self,
        ], exitStatuses: exitStatuses)

    package init() {}
}
