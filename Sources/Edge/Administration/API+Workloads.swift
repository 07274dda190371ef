import Broker
import Bytes
import Evidence
import HTTP
import HTTPEdge

extension AdministrationAPI {
    var workloads: [Call] {
        let one = "workloads/**workload"
        return [
            call(
                .get, "workloads", .readWorkloads, checksNames: true,
                Operation(
                    "listWorkloads", "List workloads", "In the order of their ids, a page at a time.",
                    query: [.after("id"), Schemas.search, .limit], replies: [.ok("A page.", WorkloadPage.self)])
            ) { request, administrator in
                Response(
                    json: try await administrator.workloads(
                        after: request.query["after"] ?? "", search: request.query["search"] ?? "",
                        limit: try request.query.limit()))
            },
            call(
                .post, "workloads", .changeWorkloads, checksNames: true,
                Operation(
                    "createWorkload", "Register a workload",
                    "Its secret is sealed and durable before the answer; it is never shown again.",
                    body: .json(WorkloadMessage.newSchema),
                    replies: [.created("Registered.", WorkloadSummary.self, tagging: "workload", isPlaced: true)],
                    failures: [.conflict])
            ) { request, administrator in
                let message = try WorkloadMessage(body: try await request.jsonBody())
                guard let id = message.id else { throw Refusal(.malformed, "The field id is missing.") }
                let done = try await administrator.register(
                    NewWorkload(id: id, launch: message.launch, secret: message.secret), replacing: false,
                    expecting: nil)
                return Response(workload: done.workload, .created)
            },
            call(
                .get, one, .readWorkloads, checksNames: true,
                Operation(
                    "readWorkload", "Read a workload", "Never its secret.",
                    replies: [.ok("The workload.", WorkloadSummary.self, tagging: "workload")])
            ) { request, administrator in
                Response(workload: try await administrator.workload(try request.parameter("workload")))
            },
            call(
                .put, one, .changeWorkloads, checksNames: true,
                Operation(
                    "replaceWorkload", "Register or replace a workload",
                    "Replacing ends the challenges and sessions of what was there.",
                    headers: [.ifMatch, .ifNoneMatch], body: .json(WorkloadMessage.schema),
                    replies: [
                        .ok("Replaced.", WorkloadSummary.self, tagging: "workload"),
                        .created("Registered.", WorkloadSummary.self, tagging: "workload", isPlaced: true),
                    ], failures: [.conflict])
            ) { request, administrator in
                let id = try request.parameter("workload")
                let message = try WorkloadMessage(body: try await request.jsonBody())
                guard message.id.map({ ExactText($0) == ExactText(id) }) ?? true else {
                    throw Refusal(.invalidField, "id in the body is another than in the path.")
                }
                let done = try await administrator.register(
                    NewWorkload(id: id, launch: message.launch, secret: message.secret),
                    replacing: try request.mayReplace() && replacesWorkloads,
                    expecting: try request.expectation())
                return Response(workload: done.workload, done.replaced ? .ok : .created)
            },
            call(
                .patch, one, .disableWorkloads, checksNames: true,
                Operation(
                    "changeWorkload", "Disable or enable a workload",
                    "A disabled workload's guests get nothing, at once.", headers: [.ifMatch],
                    body: .json(WorkloadChange.schema),
                    replies: [.ok("Changed.", WorkloadSummary.self, tagging: "workload")])
            ) { request, administrator in
                let id = try request.parameter("workload")
                let change = try WorkloadChange(body: try await request.jsonBody())
                try await administrator.setDisabled(
                    change.disabled, workload: id, expecting: try request.expectation())
                return Response(workload: try await administrator.workload(id))
            },
            call(
                .delete, one, .changeWorkloads, checksNames: true,
                Operation(
                    "removeWorkload", "Remove a workload", "With its secret and its sessions.", headers: [.ifMatch],
                    replies: [.done("Removed.")])
            ) { request, administrator in
                try await administrator.removeWorkload(
                    try request.parameter("workload"), expecting: try request.expectation())
                return Response(status: .noContent)
            },
            call(
                .post, "appraisals", .readWorkloads, checksNames: true,
                Operation(
                    "appraise", "Hold recorded evidence against a workload or a policy",
                    "Nothing is released, and whether the evidence is fresh is not looked at.",
                    body: .json(AppraisalRequest.schema), replies: [.ok("Every check.", VerdictRecord.self)],
                    failures: [.notFound])
            ) { request, administrator in
                let message = try AppraisalRequest(body: try await request.jsonBody())
                return Response(
                    json: try await administrator.appraise(try message.recordedEvidence(), against: message.subject))
            },
        ]
    }
}

extension Response {
    fileprivate init(workload: WorkloadSummary, _ status: HTTPResponse.Status = .ok) {
        self.init(json: workload, status: status)
        headers[.eTag] = "\"\(workload.version)\""
        if status == .created { headers[.location] = "/api/v1/workloads/\(PercentEncoding.encode(workload.id))" }
    }
}
