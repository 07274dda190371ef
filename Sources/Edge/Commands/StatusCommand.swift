import Administration
import Arguments
import FoundationEssentials

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show a running server's status.", discussion: Target.explanation)

    @OptionGroup var target: Target
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let status = try await target.withServer { try await $0.status() }
        if json { return try printJSON(status) }
        print(
            """
            version    \(status.version)
            started    \(status.started.formatted(.iso8601))
            workloads  \(status.workloads)
            resources  \(status.resources)
            sessions   \(status.sessions)
            trail      \(status.auditSequence) records, \(status.auditHash)
            """)
        if let libraries = status.libraries {
            let told = libraries.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            print("libraries  \(told.joined(separator: ", "))")
        }
        if let replaced = status.replacedFiles, !replaced.isEmpty {
            print("restart    it: the disk has newer ones of \(replaced.joined(separator: ", "))")
        }
    }
}
