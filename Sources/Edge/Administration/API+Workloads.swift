import Broker
import Bytes
import Evidence
import HTTP
import HTTPEdge
import VirteeDialect

extension AdministrationAPI {
    var workloads: [Call] {
        let one = "workloads/**workload"
        return [
            call(
                .get, "workloads", .readWorkloads, checksNames: true,
                Operation(
                    "listWorkloads", "List workloads", "In the order of their ids, a page at a time.",
                    query: [.after("id"), Schemas.search, .limit]), ok: "A page."
            ) { request, admission in
                try await request.page(summary, within: admission, .path, by: \.id.text) {
                    try await store.workloads(after: $0, search: request.query["search"] ?? "", limit: $1)
                }
            },
            call(
                .post, "workloads", .changeWorkloads, checksNames: true,
                Operation(
                    "createWorkload", "Register a workload",
                    "Its secret is sealed and durable before the answer, and never shown.",
                    body: .json(NewWorkload.newSchema),
                    failures: [.conflict]), new: "Registered."
            ) { request, admission in
                let message: NewWorkload = try await request.message()
                guard let id = message.id else { throw Refusal(.malformed, "The field id is missing.") }
                return try await register(id, message, replacing: false, expecting: nil, admission)
            },
            call(
                .get, one, .readWorkloads, checksNames: true,
                Operation("readWorkload", "Read a workload", "Never its secret."), ok: "The workload."
            ) { request, admission in try await workload(try request.workload(admission)) },
            call(
                .put, one, .changeWorkloads, checksNames: true,
                Operation(
                    "replaceWorkload", "Register or replace a workload",
                    "Replacing ends the challenges and sessions of the previous workload.",
                    headers: [.ifMatch, .ifNoneMatch], body: .json(Schema(of: NewWorkload.self)),
                    failures: [.conflict]), replaced: "Replaced.", new: "Registered."
            ) { request, admission in
                let id = try request.parameter("workload")
                let message: NewWorkload = try await request.message()
                guard message.id.map({ ExactText($0) == ExactText(id) }) ?? true else {
                    throw Refusal(.invalidField, "id in the body is another than in the path.")
                }
                return try await register(
                    id, message, replacing: replacesWorkloads, expecting: try request.workloadExpectation(), admission)
            },
            call(
                .patch, one, .disableWorkloads, checksNames: true,
                Operation(
                    "changeWorkload", "Disable or enable a workload",
                    "A disabled workload's secret is not released, at once.", headers: [.ifMatch],
                    body: .json(Schema(of: WorkloadChange.self))), ok: "Changed."
            ) { request, admission in
                let id = try request.workload(admission)
                let change: WorkloadChange = try await request.message()
                try await broker.setDisabled(
                    change.disabled, id, expecting: try request.workloadExpectation(), by: admission.actor)
                return try await workload(id)
            },
            call(
                .delete, one, .changeWorkloads, checksNames: true,
                Operation(
                    "removeWorkload", "Remove a workload", "With its secret and its sessions.", headers: [.ifMatch]),
                done: "Removed."
            ) { request, admission in
                try await broker.remove(
                    try request.workload(admission), expecting: try request.workloadExpectation(), by: admission.actor)
            },
            call(
                .post, "appraisals", .readWorkloads, checksNames: true,
                Operation(
                    "appraise", "Evaluate a workload's requirements or a policy with recorded evidence",
                    "Nothing is released, and the evidence's freshness is not checked.",
                    body: .json(Schema(of: AppraisalRequest.self)),
                    failures: [.notFound]), ok: "Every check."
            ) { request, admission in
                let message: AppraisalRequest = try await request.message()
                let evidence = try message.recordedEvidence()
                switch try message.subject() {
                case .workload(let id):
                    return VerdictRecord(
                        try await broker.appraise(
                            recorded: evidence.evidence, against: try admission.workload(id), by: admission.actor))
                case .policy(let name):
                    let policy = try await library.policy(try admission.policy(name)).policy
                    return try await appraise(evidence, against: policy, isKept: true, admission)
                case .policyDocument(let text):
                    let policy = try Policy(toml: text, name: try PolicyName("draft"))
                    try admission.reach.check(policy)
                    return try await appraise(evidence, against: policy, isKept: false, admission)
                }
            },
        ]
    }

    private func appraise(
        _ evidence: RecordedEvidence, against policy: Policy, isKept: Bool, _ admission: Admission
    ) async throws -> VerdictRecord {
        VerdictRecord(
            try await broker.appraise(
                recorded: evidence.evidence, initData: evidence.initData, boundTo: evidence.reportData,
                against: policy, library.references(of: policy), isKept: isKept, by: admission.actor))
    }

    private func workload(_ id: WorkloadID) async throws -> WorkloadSummary {
        guard let workload = try await store.workload(id) else { throw Refusal.notRegistered(id.text) }
        return summary(workload)
    }

    private func summary(_ workload: Workload) -> WorkloadSummary {
        WorkloadSummary(workload, warnings: broker.warnings(on: workload))
    }

    /// - Returns: the workload as registered, without later changes.
    private func register(
        _ id: String, _ message: NewWorkload, replacing: Bool, expecting expected: Workload.Expectation?,
        _ admission: Admission
    ) async throws -> (WorkloadSummary, isNew: Bool) {
        try admission.reach.check(id, .path)
        let registration =
            switch message.launch {
            case .measurement(let measurement, let configuration):
                try Registration(
                    workloadID: id, launchMeasurement: measurement, teeConfig: configuration, secret: message.secret)
            case .policy(let name):
                // A policy outside of the scope could accept other scopes' guests.
                try Registration(
                    id: WorkloadID(id), launch: .policy(try admission.policy(name)), configuration: "",
                    secret: message.secret)
            }
        let done = try await broker.register(
            registration, replacing: replacing, expecting: expected, by: admission.actor)
        return (summary(done.workload), !done.replaced)
    }
}

// Names in a request, within the caller's reach.
extension Admission {
    func workload(_ text: String) throws(Refusal) -> WorkloadID {
        let id = try WorkloadID(text)
        try reach.check(id)
        return id
    }

    /// The name of a policy, or of a set of reference values.
    func policy(_ text: String) throws(Refusal) -> PolicyName {
        let name = try PolicyName(text)
        try reach.check(name)
        return name
    }
}

extension Request {
    fileprivate func workload(_ admission: Admission) throws(Refusal) -> WorkloadID {
        try admission.workload(try parameter("workload"))
    }
}
