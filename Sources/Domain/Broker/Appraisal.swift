/// Policies, claims and refusals are part of the broker's API, so an import of Broker imports Appraisal.
@_exported public import Appraisal
