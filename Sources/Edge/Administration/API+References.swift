import Broker
import Bytes
import Formats
import HTTP
import HTTPEdge

/// Reference values: admins change them, the others read them.
extension AdministrationAPI {
    var referenceValues: [Call] {
        let one = "reference-values/:set"
        return [
            call(
                .get, "reference-values", .readPolicies, checksNames: true,
                Operation(
                    "listReferenceValueSets", "List the sets of reference values",
                    "In the order of their names, a page at a time.", query: [.after("name"), .limit],
                    replies: [.ok("A page.", ReferenceValuesPage.self)])
            ) { request, administrator in
                Response(
                    json: try await administrator.referenceValues(
                        after: request.query["after"] ?? "", limit: try request.query.limit()))
            },
            call(
                .get, one, .readPolicies, checksNames: true,
                Operation(
                    "readReferenceValues", "Read a set of reference values",
                    replies: [.ok("The set.", ReferenceValuesSummary.self, tagging: "set")])
            ) { request, administrator in
                Response(versioned: try await administrator.referenceValues(try request.parameter("set")))
            },
            call(
                .put, one, .changeReferences, checksNames: true,
                Operation(
                    "setReferenceValues", "Set a set of reference values",
                    "The policies that name it go by it from then on.", headers: [.ifMatch, .ifNoneMatch],
                    body: .json(ReferenceValuesMessage.schema),
                    replies: [
                        .ok("Replaced.", ReferenceValuesSummary.self, tagging: "set"),
                        .created("New.", ReferenceValuesSummary.self, tagging: "set"),
                    ])
            ) { request, administrator in
                let name = try PolicyName(try request.parameter("set"))
                let message = try ReferenceValuesMessage(body: try await request.jsonBody())
                let done = try await administrator.setReferenceValues(
                    try message.set(name), keeping: message.keeping, expecting: try request.revisionExpectation())
                return Response(versioned: done.values, status: done.replaced ? .ok : .created)
            },
            call(
                .patch, one, .changeReferences, checksNames: true,
                Operation(
                    "retireReferenceValues", "Let values of a set end",
                    "From then on they let nobody in; guests that show them are told so. None is prolonged.",
                    headers: [.ifMatch], body: .json(ReferenceRetirement.schema),
                    replies: [.ok("The set.", ReferenceValuesSummary.self, tagging: "set")])
            ) { request, administrator in
                let message = try ReferenceRetirement(body: try await request.jsonBody())
                return Response(
                    versioned: try await administrator.retireReferenceValues(
                        try request.parameter("set"), message, expecting: try request.revisionExpectation()))
            },
            call(
                .post, "\(one)/values", .changeReferences, checksNames: true,
                Operation(
                    "addReferenceValues", "Add values to a set",
                    "Values that are given, or the one that a guest showed whose attempt is kept. A set that is not there is "
                        + "made.", headers: [.ifMatch, .ifNoneMatch], body: .json(ReferenceAdditionMessage.schema),
                    replies: [
                        .ok("Added.", ReferenceValuesSummary.self, tagging: "set"),
                        .created("A new set.", ReferenceValuesSummary.self, tagging: "set"),
                    ])
            ) { request, administrator in
                let message = try ReferenceAdditionMessage(body: try await request.jsonBody())
                let done = try await administrator.addReferenceValues(
                    message.addition, to: try request.parameter("set"), expecting: try request.revisionExpectation())
                return Response(versioned: done.values, status: done.replaced ? .ok : .created)
            },
            call(
                .get, "\(one)/history", .readPolicies, checksNames: true,
                Operation(
                    "readReferenceHistory", "Read what became of a set",
                    "Latest first, the last 200 changes; also of a set that was removed.",
                    query: [
                        .init(
                            "before", "Begin before this version.",
                            Schema(["type": "integer", "format": "int64", "minimum": 1])), .limit,
                    ],
                    replies: [.ok("A page.", ReferenceHistoryPage.self)])
            ) { request, administrator in
                Response(
                    json: try await administrator.referenceHistory(
                        try request.parameter("set"), before: request.query["before"],
                        limit: try request.query.limit()))
            },
            call(
                .delete, one, .changeReferences, checksNames: true,
                Operation(
                    "removeReferenceValues", "Remove a set of reference values", "Not while something depends on it.",
                    headers: [.ifMatch], replies: [.done("Removed.")], failures: [.conflict])
            ) { request, administrator in
                try await administrator.removeReferenceValues(
                    try request.parameter("set"), expecting: try request.revisionExpectation())
                return Response(status: .noContent)
            },
        ]
    }
}
