import Foundation

/// JOSE and launch digests by others: scripts in the Python that scripts/make-jose-environment makes.
public enum Independent {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    private static let python = root.appending(path: ".build-jose/bin/python3")

    /// Tests that need it are skipped without it. Said once, for a run that looks complete and is not.
    public static let isThere: Bool = {
        guard !FileManager.default.isExecutableFile(atPath: python.path(percentEncoded: false)) else { return true }
        FileHandle.standardError.write(
            Data(
                """
                WARNING: nothing here is held against implementations that are not ours, as .build-jose is missing: run \
                scripts/make-jose-environment.

                """.utf8))
        return false
    }()

    /// Whether it must be there: as in continuous integration, which says so by treating warnings as errors.
    public static var isRequired: Bool { ProcessInfo.processInfo.environment["KBS_STRICT"] == "1" }

    public struct Failed: Error {
        public let status: Int32
        public let errors: String
    }

    /// - Parameters:
    ///   - command: a function of the script.
    ///   - request: what else it is told, as JSON.
    ///   - script: from the project's root.
    /// - Returns: what it answers.
    public static func run(
        _ command: String, _ request: [String: any Sendable] = [:],
        script: String = "Tests/Base/JOSETests/independent.py"
    ) async throws -> [String: Any] {
        let folder = try TemporaryFolder()
        let (input, output, errors) = (folder.file("in"), folder.file("out"), folder.file("errors"))
        var request: [String: Any] = request
        request["command"] = command
        try JSONSerialization.data(withJSONObject: request).write(to: input)
        for file in [output, errors] { try Data().write(to: file) }
        let script = root.appending(path: script).path(percentEncoded: false)
        var plan = SpawnedProcess.Plan(python, [script])
        plan.input = try FileHandle(forReadingFrom: input)
        plan.output = try FileHandle(forWritingTo: output)
        plan.errors = try FileHandle(forWritingTo: errors)
        let status = try await SpawnedProcess.run(plan)
        guard status == 0 else {
            throw Failed(status: status, errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
        }
        return try JSONSerialization.jsonObject(with: Data(contentsOf: output)) as? [String: Any] ?? [:]
    }
}
