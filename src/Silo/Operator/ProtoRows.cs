using System.Globalization;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;
using static OrleansGateway.Silo.Operator.ProtoValues;
using Proto = OrleansGateway.Operator.Contracts;

namespace OrleansGateway.Silo.Operator;

/// <summary>Rows and records as messages of operator.proto.</summary>
internal static class ProtoRows
{
    public static Proto.Account ToProto(this Account account) => new()
    {
        AccountId = account.AccountId,
        Name = account.Name,
        Status = Write<Proto.AccountStatus>(account.Status),
        Limits = Write(account.Limits),
        BalanceNanos = account.BalanceNanos,
        ReservedNanos = account.ReservedNanos,
        QuarantinedNanos = account.QuarantinedNanos,
        BonusNanos = account.BonusNanos,
        AvailableNanos = account.AvailableNanos,
        HeldNanos = account.HeldNanos,
        OpenHolds = account.OpenHolds,
        Keys = account.Keys,
    };

    public static Proto.Account ToProto(this AccountListing row) => new()
    {
        AccountId = row.AccountId,
        Name = row.Name,
        Status = Write<Proto.AccountStatus>(row.Status),
        Limits = Write(new RateLimits(row.RequestsPerMinute, row.TokensPerMinute, row.Concurrency)),
        BalanceNanos = row.Balance,
        ReservedNanos = row.Reserved,
        QuarantinedNanos = row.Quarantined,
        CreatedAt = Write(row.CreatedAt),
        ActivatedAt = Write(row.ActivatedAt),
    };

    public static Proto.MoveMoneyResponse ToProto(this Movement movement) => new()
    {
        AccountId = movement.AccountId,
        Kind = Write<Proto.EntryKind>(movement.Kind),
        Ref = movement.Ref,
        AmountNanos = movement.AmountNanos,
        BalanceNanos = movement.BalanceNanos,
        AvailableNanos = movement.AvailableNanos,
        IsRepeat = movement.IsRepeat,
        ShortfallNanos = movement.ShortfallNanos,
    };

    public static Proto.Key ToProto(this Key key) => new()
    {
        AccountId = key.AccountId,
        KeyId = key.KeyId,
        Status = Write<Proto.KeyStatus>(key.Status),
        Settings = Write(key.Settings),
        SpentNanos = key.SpentNanos,
        UsedAt = Write(key.UsedAt),
        UsedFrom = key.UsedFrom ?? "",
    };

    public static Proto.CatalogProblem ToProto(this CatalogProblem problem) => new() { Line = problem.Line, Path = problem.Path, Message = problem.Message };

    public static Proto.Catalog ToProto(this CatalogInForce catalog) => new()
    {
        Version = catalog.Version,
        PublishedAt = Write(catalog.PublishedAt),
        Source = catalog.Source,
        Bytes = catalog.Bytes,
        Models = catalog.Models,
        Channels = catalog.Channels,
        ChannelsOn = catalog.ChannelsOn,
        Warnings = { catalog.Warnings.Select(ToProto) },
    };

    public static Proto.CatalogModel ToProto(this CallableModel model) => new() { Model = model.Model, Channels = { model.Channels } };

    public static Proto.PublishCatalogResponse ToProto(this CatalogPublished published) => new()
    {
        Outcome = Write<Proto.PublishOutcome>(published.Outcome),
        Catalog = published.Catalog.ToProto(),
    };

    public static Proto.UsageRow ToProto(this UsageListing row) => new()
    {
        At = Write(row.At),
        AccountId = row.AccountId,
        KeyId = row.KeyId,
        RequestId = row.RequestId,
        Model = row.Model,
        Channel = row.Channel,
        Endpoint = row.Endpoint,
        PriceId = row.PriceId,
        Status = WriteName<Proto.RequestStatus>(row.Status),
        ChargeNanos = row.Charge,
        Units = { Write(row.Usage) },
        IsEstimated = row.Usage.IsEstimated,
        FirstByteMs = row.FirstByteMs,
        DurationMs = row.DurationMs,
        ClientAddress = row.ClientAddress,
        ExtraAttempts = row.ExtraAttempts,
    };

    public static Proto.UsageTotal ToProto(this UsageTotal total)
    {
        var written = new Proto.UsageTotal
        {
            Requests = total.Requests,
            Completed = total.Completed,
            Units = { Write(total.Usage) },
            ChargeNanos = total.Charge,
            ShortfallNanos = total.Shortfall,
        };
        Set(total.Day, day => written.Day = day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        SetText(total.AccountId, text => written.AccountId = text);
        SetText(total.KeyId, text => written.KeyId = text);
        SetText(total.Model, text => written.Model = text);
        SetText(total.Channel, text => written.Channel = text);
        SetText(total.Status, text => written.Status = text);
        return written;
    }

    public static Proto.LedgerRow ToProto(this LedgerListing row) => new()
    {
        Seq = row.Seq,
        At = Write(row.At),
        Kind = Write<Proto.EntryKind>(row.Kind),
        AmountNanos = row.Amount,
        ShortfallNanos = row.Shortfall,
        BalanceAfterNanos = row.BalanceAfter,
        Ref = row.Ref,
        ClosedBy = row.ClosedBy is { } closer ? Write<Proto.ClosedBy>(closer) : Proto.ClosedBy.Unspecified,
    };

    public static Proto.VerifyResponse ToProto(this VerifyReport report) => new()
    {
        Accounts = report.Accounts,
        LedgerRows = report.LedgerRows,
        UsageRows = report.UsageRows,
        Keys = report.Keys,
        BalanceNanos = Whole(report.Balance),
        ReservedNanos = Whole(report.Reserved),
        QuarantinedNanos = Whole(report.Quarantined),
        QuarantineOverNanos = Whole(report.QuarantineOver),
        ChargedNanos = Whole(report.Charged),
        ShortfallNanos = Whole(report.Shortfall),
        Problems = { report.Problems.Select(problem => new Proto.VerifyProblem { AccountId = problem.AccountId, Rule = problem.Rule, Detail = problem.Detail }) },
    };

    public static Proto.AuditEntry ToProto(this AuditListing row) => new()
    {
        Id = row.Id,
        At = Write(row.At),
        ActorKind = WriteName<Proto.ActorKind>(row.ActorKind),
        ActorId = row.ActorId,
        Address = row.Address,
        RequestId = row.RequestId,
        Action = row.Action,
        Subject = row.Subject,
        RequestJson = row.Request,
        BeforeJson = row.Before ?? "",
        AfterJson = row.After ?? "",
        Outcome = row.Outcome ?? "",
        EndedAt = Write(row.EndedAt),
        Retries = (int)row.Retries,
    };

    public static Proto.Announcement ToProto(this Announcement announcement) => new()
    {
        AnnouncementId = announcement.AnnouncementId,
        Level = Write<Proto.AnnouncementLevel>(announcement.Level),
        From = Write(announcement.From),
        To = Write(announcement.To),
        English = announcement.English,
        Chinese = announcement.Chinese,
        CreatedAt = Write(announcement.CreatedAt),
        WithdrawnAt = Write(announcement.WithdrawnAt),
    };

    public static UsageFilter Read(Proto.UsageFilter? filter) => filter is null
        ? new UsageFilter()
        : new UsageFilter
        {
            AccountId = ProtoValues.Read(filter.AccountId),
            KeyId = ProtoValues.Read(filter.KeyId),
            Model = ProtoValues.Read(filter.Model),
            Channel = ProtoValues.Read(filter.Channel),
            Status = Read<RequestStatus>(filter.Status, "filter.status"),
            From = ProtoValues.Read(filter.From, "filter.from"),
            To = ProtoValues.Read(filter.To, "filter.to"),
        };

    private static void SetText(string? text, Action<string> set)
    {
        if (text is not null)
        {
            set(text);
        }
    }

    private static string Whole(Int128 nanos) => nanos.ToString(CultureInfo.InvariantCulture);
}
