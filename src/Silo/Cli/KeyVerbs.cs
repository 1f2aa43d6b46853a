using System.CommandLine;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;
using OrleansGateway.Operator.Contracts;
using static OrleansGateway.Silo.Cli.Verbs;

namespace OrleansGateway.Silo.Cli;

/// <summary><c>key …</c>: what clients authenticate with.</summary>
internal static class KeyVerbs
{
    public static Command Create() => new("key", "keys: what clients authenticate with")
    {
        CreateKey(),
        List(),
        Update(),
        SetStatus("disable", "refuses its requests until it is enabled", KeyStatus.Disabled),
        SetStatus("enable", "lets its requests through again", KeyStatus.Active),
        SetStatus("revoke", "refuses its requests for good", KeyStatus.Revoked),
    };

    private static Command CreateKey()
    {
        var account = AccountId();
        var options = new KeyOptions();
        return Change("create", "makes a key and shows it, this once", [account, .. options.All], async (session, parsed) =>
        {
            var settings = options.Read(parsed, new FieldMask());
            settings.Name = settings.Name.Length == 0 ? "key" : settings.Name;
            var request = new CreateKeyRequest { RequestId = session.RequestId, AccountId = parsed.GetValue(account), Settings = settings };
            var created = await session.Keys.CreateKeyAsync(request, session.Soon);
            session.Output.Write(Rows.Of(created.Key, created.Secret.Length == 0 ? null : created.Secret));
            if (created.Secret.Length == 0)
            {
                session.Output.Note("The key itself was in the first answer to this request alone. If that is lost, revoke this key and make another.");
            }
        });
    }

    private static Command List()
    {
        var account = AccountId();
        var limit = Limit("at most so many, by id (default: all)");
        return Reading("list", "an account's keys", [account, limit], (session, parsed) => session.WritePagesAsync<Key>(
            parsed.GetValue(limit),
            async (size, token) =>
            {
                var request = new ListKeysRequest { PageSize = size, PageToken = token, AccountId = parsed.GetValue(account) };
                var page = await session.Keys.ListKeysAsync(request, session.Soon);
                return (page.Keys, page.NextPageToken);
            },
            Rows.Of));
    }

    private static Command Update()
    {
        var account = AccountId();
        var key = KeyId();
        var options = new KeyOptions();
        return Change("update", "changes a key; what is not named stays", [account, key, .. options.All], async (session, parsed) =>
        {
            var request = new UpdateKeyRequest
            {
                RequestId = session.RequestId, AccountId = parsed.GetValue(account), KeyId = parsed.GetValue(key), UpdateMask = new FieldMask(),
            };
            request.Settings = options.Read(parsed, request.UpdateMask);
            session.Output.Write(Rows.Of(await session.Keys.UpdateKeyAsync(request, session.Soon)));
        }).AtLeastOne([.. options.All]);
    }

    private static Command SetStatus(string verb, string description, KeyStatus status)
    {
        var account = AccountId();
        var key = KeyId();
        return Change(verb, description, [account, key], async (session, parsed) =>
        {
            var request = new SetKeyStatusRequest
            {
                RequestId = session.RequestId, AccountId = parsed.GetValue(account), KeyId = parsed.GetValue(key), Status = status,
            };
            session.Output.Write(Rows.Of(await session.Keys.SetKeyStatusAsync(request, session.Soon)));
        });
    }

    /// <summary>A key's settings.</summary>
    private sealed class KeyOptions
    {
        private readonly Option<string?> _name = Option("--name", "what to call it");
        private readonly Option<Given<DateTime>?> _expires = TimeOrNone("--expires", "a time such as 2027-01-31T00:00:00Z, or none");
        private readonly Option<Several<string>?> _models = Texts("--models", "the models it may use, with commas between, or none for all");
        private readonly Option<Several<string>?> _addresses =
            Texts("--addresses", "addresses or networks it may be used from, with commas between, or none for all");
        private readonly Option<Given<long>?> _capTotal = CapOrNone("--cap-total", "the most it may spend in all, USD, or none");
        private readonly Option<Given<long>?> _capDay = CapOrNone("--cap-day", "the most it may spend in a day (UTC), USD, or none");
        private readonly Option<Given<long>?> _capWeek =
            CapOrNone("--cap-week", "the most it may spend in a week from Monday (UTC), USD, or none");
        private readonly Option<Given<long>?> _capMonth = CapOrNone("--cap-month", "the most it may spend in a month (UTC), USD, or none");
        private readonly LimitOptions _limits = new();
        private readonly Option<Given<bool>?> _showCost = TrueOrFalse("--show-cost", "true: answers tell their cost in usage.cost");

        public IEnumerable<System.CommandLine.Option> All =>
            [_name, _expires, _models, _addresses, _capTotal, _capDay, _capWeek, _capMonth, .. _limits.All, _showCost];

        /// <param name="mask">Gets the paths of those that are given.</param>
        public KeySettings Read(ParseResult parsed, FieldMask mask)
        {
            var settings = new KeySettings { Caps = new SpendCaps(), Limits = _limits.Read(parsed, mask) };
            if (parsed.GetValue(_name) is { } name)
            {
                mask.Paths.Add("name");
                settings.Name = name;
            }

            mask.Apply(parsed, _expires, "expires_at", time => settings.ExpiresAt = Timestamp.FromDateTime(time));
            Fill(settings.Models, "models", parsed.GetValue(_models));
            Fill(settings.Addresses, "addresses", parsed.GetValue(_addresses));
            mask.Apply(parsed, _capTotal, "caps.total_nanos", nanos => settings.Caps.TotalNanos = nanos);
            mask.Apply(parsed, _capDay, "caps.day_nanos", nanos => settings.Caps.DayNanos = nanos);
            mask.Apply(parsed, _capWeek, "caps.week_nanos", nanos => settings.Caps.WeekNanos = nanos);
            mask.Apply(parsed, _capMonth, "caps.month_nanos", nanos => settings.Caps.MonthNanos = nanos);
            mask.Apply(parsed, _showCost, "show_cost", flag => settings.ShowCost = flag);
            return settings;

            void Fill(RepeatedField<string> field, string path, Several<string>? texts)
            {
                if (texts is not null)
                {
                    mask.Paths.Add(path);
                    field.Add(texts.Values);
                }
            }
        }
    }
}
