using System.CommandLine;
using OrleansGateway.Operator.Contracts;
using static OrleansGateway.Silo.Cli.Verbs;

namespace OrleansGateway.Silo.Cli;

/// <summary>Verbs that read: usage, the ledger, the books.</summary>
internal static class ReadingVerbs
{
    /// <summary>Rows of what grows without an end, unless more are asked for.</summary>
    private const int NewestDefault = 100;

    public static Command Usage()
    {
        var account = Option("--account", "of this account alone");
        var key = Option("--key", "of this key's id alone");
        var model = Option("--model", "of this model alone");
        var channel = Option("--channel", "of this channel alone");
        var status = Choice("--status", "with this status alone", Enum.GetValues<RequestStatus>());
        var (from, to) = (From(), To());
        var limit = Limit($"at most so many, the newest first (default {NewestDefault})");
        var by = Choices<UsageGroup>("--by", "sums instead of requests, by any of day, account, key, model, channel, status with commas between, or none");
        var export = Flag("--export", "every request, the oldest first, as they come", "--all");
        Symbol[] symbols = [account, key, model, channel, status, from, to, limit, by, export];
        return Reading("usage", "relayed requests: tokens, charge, times", symbols, async (session, parsed) =>
        {
            var filter = new UsageFilter
            {
                AccountId = parsed.GetValue(account) ?? "",
                KeyId = parsed.GetValue(key) ?? "",
                Model = parsed.GetValue(model) ?? "",
                Channel = parsed.GetValue(channel) ?? "",
                Status = parsed.GetValue(status),
                From = parsed.GetValue(from),
                To = parsed.GetValue(to),
            };
            var (groups, most, isExport) = (parsed.GetValue(by), parsed.GetValue(limit), parsed.GetValue(export));
            if (groups is not null)
            {
                var sums = await session.Reports.SumUsageAsync(new SumUsageRequest { Filter = filter, GroupBy = { groups.Values } }, session.Long);
                session.Output.Write(sums.Totals, Rows.Of);
            }
            else if (isExport)
            {
                await session.WriteStreamAsync(session.Reports.ExportUsage(new ExportUsageRequest { Filter = filter }, session.Long), Rows.Of);
            }
            else
            {
                await session.WritePagesAsync<UsageRow>(
                    most ?? NewestDefault,
                    async (size, token) =>
                    {
                        var request = new ListUsageRequest { PageSize = size, PageToken = token, Filter = filter };
                        var page = await session.Reports.ListUsageAsync(request, session.Soon);
                        return (page.Rows, page.NextPageToken);
                    },
                    Rows.Of);
            }
        }).AtMostOne(by, limit, export);
    }

    public static Command Ledger()
    {
        var account = AccountId();
        var (from, to) = (From(), To());
        var limit = Limit($"at most so many, the newest first (default {NewestDefault})");
        var export = Flag("--export", "every movement, the oldest first, as they come", "--all");
        return Reading("ledger", "an account's movements of money", [account, from, to, limit, export], async (session, parsed) =>
        {
            var (id, first, end) = (parsed.GetValue(account), parsed.GetValue(from), parsed.GetValue(to));
            var (most, isExport) = (parsed.GetValue(limit), parsed.GetValue(export));
            if (isExport)
            {
                var request = new ExportLedgerRequest { AccountId = id, From = first, To = end };
                await session.WriteStreamAsync(session.Reports.ExportLedger(request, session.Long), Rows.Of);
                return;
            }

            await session.WritePagesAsync<LedgerRow>(
                most ?? NewestDefault,
                async (size, token) =>
                {
                    var request = new ListLedgerRequest { PageSize = size, PageToken = token, AccountId = id, From = first, To = end };
                    var page = await session.Reports.ListLedgerAsync(request, session.Soon);
                    return (page.Rows, page.NextPageToken);
                },
                Rows.Of);
        }).AtMostOne(limit, export);
    }

    public static Command Verify() => Verb(
        "verify", "adds up the whole ledger and checks every account; exit code 1 if anything is off", [], changes: false, async (session, _) =>
        {
            var report = await session.Reports.VerifyAsync(new VerifyRequest(), session.Long);
            switch (session.Output.Format)
            {
                case OutputFormat.Json:
                    session.Output.Write(Rows.Of(report));
                    break;
                case OutputFormat.Table when report.Problems.Count == 0:
                    session.Output.WriteLine("The books are right.");
                    break;
                default:
                    session.Output.Write(report.Problems, Rows.Of);
                    break;
            }

            return report.Problems.Count == 0 ? 0 : 1;
        });
}
