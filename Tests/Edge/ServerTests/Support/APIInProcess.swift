import Administration
import Broker
import Bytes
import EvidenceSupport
import Foundation
import HTTP
import HTTPEdge
import Installation
import Logging
import Server
import SimulatedHardware
import TestSupport

/// The administration API's calls over a data folder, without a server: for what needs neither a socket nor a gate.
struct APIInProcess {
    let assembly: BrokerAssembly
    let api: AdministrationAPI
    private let calls: CallsInProcess

    var administrator: Administrator { assembly.administrator }

    /// Exists for as long as `body` runs.
    static func run(
        _ change: (inout Settings) throws -> Void = { _ in }, _ body: (APIInProcess) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        var settings = Settings()
        settings.dataFolder = folder.file("data")
        settings.keyDistribution = nil
        settings.simulatedRoots = try Simulated.roots
        try change(&settings)
        let assembly = try await BrokerAssembly(opening: settings)
        let api = assembly.administration(
            checkpoint: assembly.checkpoint, replacesWorkloads: settings.replacesWorkloads)
        try await body(
            APIInProcess(assembly: assembly, api: api, calls: CallsInProcess(api.calls, for: Admission(.server))))
        try await assembly.store.close()
        _ = folder
    }

    /// What the call answers, or how it fails, as a server would send it.
    func call(
        _ method: String, _ path: String, _ body: String = "", headers: [(String, String)] = []
    ) async throws -> RunningServer.Reply {
        var head = HTTPRequest(method: HTTPRequest.Method(method) ?? .get, path: path)
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { head.headerFields.append(HTTPField(name: name, value: value)) }
        }
        let response: Response
        do { response = try await calls.answer(head, Array(body.utf8)) } catch {
            response = ProblemForm().response(
                toThrown: error, of: Request(head: head, body: .collected([])), logger: Logger(label: "test"))
        }
        return RunningServer.Reply(
            status: response.status.code, headers: response.headers,
            body: String(decoding: response.body, as: UTF8.self))
    }
}
