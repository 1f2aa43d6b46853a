using System.Diagnostics.Metrics;

namespace OrleansGateway.Ledger;

internal static class JournalMetrics
{
    private static readonly Meter Meter = new("OrleansGateway.Ledger");

    private static readonly Histogram<int> FlightAccounts =
        Meter.CreateHistogram<int>("og.ledger.flight.accounts", "{account}", "Accounts in one flight");

    private static readonly Histogram<int> FlightEntries =
        Meter.CreateHistogram<int>("og.ledger.flight.entries", "{row}", "Ledger rows in one flight");

    private static readonly Histogram<double> FlightDuration =
        Meter.CreateHistogram<double>("og.ledger.flight.duration", "s", "From sending a flight to its answer");

    public static readonly Counter<long> AnswersLost =
        Meter.CreateCounter<long>("og.ledger.answers_lost", "{answer}", "Statements that had to be sent again");

    public static readonly Counter<long> BatchesFailed =
        Meter.CreateCounter<long>("og.ledger.batches_failed", "{batch}", "Batches that failed alone: each is to be looked into");

    public static void Flight(List<Journal.Submission> flight, TimeSpan elapsed)
    {
        var entries = 0;
        foreach (var submission in flight)
        {
            entries += submission.Batch.Entries.Length;
        }

        FlightAccounts.Record(flight.Count);
        FlightEntries.Record(entries);
        FlightDuration.Record(elapsed.TotalSeconds);
    }
}
