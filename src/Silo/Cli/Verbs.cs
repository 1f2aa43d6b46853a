using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using OrleansGateway.Grains.Contracts;
using Enum = System.Enum;
using Option = System.CommandLine.Option;

namespace OrleansGateway.Silo.Cli;

/// <summary>Reads a text.</summary>
internal delegate bool TryParse<T>(string text, out T value);

/// <summary>What an option was given; a value of null stands for "none".</summary>
internal sealed record Given<T>(T? Value)
    where T : struct;

/// <summary>Values that an option was given with commas between; an empty list stands for "none".</summary>
internal sealed record Several<T>(IReadOnlyList<T> Values);

/// <summary>The pieces that verbs are made of.</summary>
internal static class Verbs
{
    /// <summary>Written in place of a limit, cap or list: there shall be none.</summary>
    private const string None = "none";

    private const string Count = "a whole number of at least 1";
    private const string Amount = "above 0 in USD, with at most nine decimals, such as 10 or 0.25";
    private const string Time = "a time such as 2027-01-31T00:00:00Z";

    public static Option<OutputFormat> Format { get; } = CreateFormat();

    private static Option<string?> RequestId { get; } = new("--request-id")
    {
        Description = "names this change: sent again with the same id, it is done once (default: a new one)",
    };

    /// <summary>A verb that only reads.</summary>
    public static Command Reading(string name, string description, IEnumerable<Symbol> symbols, Func<Session, ParseResult, Task> act) =>
        Verb(name, description, symbols, changes: false, (session, parsed) => DoneAsync(act(session, parsed)));

    /// <summary>A verb that changes something, which the running service alone does.</summary>
    public static Command Change(string name, string description, IEnumerable<Symbol> symbols, Func<Session, ParseResult, Task> act) =>
        Verb(name, description, [.. symbols, RequestId], changes: true, (session, parsed) => DoneAsync(act(session, parsed)));

    /// <param name="act">Gives the exit code.</param>
    public static Command Verb(
        string name, string description, IEnumerable<Symbol> symbols, bool changes, Func<Session, ParseResult, Task<int>> act)
    {
        var command = new Command(name, description);
        foreach (var symbol in symbols)
        {
            if (symbol is Argument argument)
            {
                command.Add(argument);
            }
            else
            {
                command.Add((Option)symbol);
            }
        }

        command.SetAction((parsed, _) => OperatorCommandLine.RunVerbAsync(
            parsed, changes, changes ? parsed.GetValue(RequestId) : null, session => act(session, parsed)));
        return command;
    }

    public static Argument<string> AccountId() => new("account") { Description = "the account's id" };

    public static Argument<string> KeyId() => new("key") { Description = "the key's id" };

    public static Option<string?> Option(string name, string description) => new(name) { Description = description };

    public static Option<bool> Flag(string name, string description, params string[] aliases) => new(name, aliases) { Description = description };

    public static Option<int?> Limit(string description) => Parsed<int?>("--limit", description, TryCount, Count);

    public static Option<Timestamp?> From() => Parsed<Timestamp?>("--from", "from this time on, such as 2027-01-31T00:00:00Z", TryTime, Time);

    public static Option<Timestamp?> To() => Parsed<Timestamp?>("--to", "before this time", TryTime, Time);

    /// <summary>One of some values of operator.proto.</summary>
    public static Option<TEnum> Choice<TEnum>(string name, string description, params TEnum[] values)
        where TEnum : struct, Enum
    {
        var byName = ByName(values);
        return Parsed<TEnum>(name, $"{description}: {string.Join(", ", byName.Keys)}", byName.TryGetValue, $"one of {string.Join(", ", byName.Keys)}");
    }

    /// <summary>Some of the values of operator.proto, or none of them.</summary>
    public static Option<Several<TEnum>?> Choices<TEnum>(string name, string description)
        where TEnum : struct, Enum
    {
        var byName = ByName(Enum.GetValues<TEnum>());
        return Parsed<Several<TEnum>?>(name, description, TryAll, $"of {string.Join(", ", byName.Keys)}, with commas between, or {None}");

        bool TryAll(string text, out Several<TEnum>? values)
        {
            var names = Split(text);
            values = new Several<TEnum>([.. names.Where(byName.ContainsKey).Select(one => byName[one])]);
            return values.Values.Count == names.Length;
        }
    }

    /// <summary>A limit, or none.</summary>
    public static Option<Given<long>?> LimitOrNone(string name, string description) => OrNone<long>(name, description, TryLong, Count);

    /// <summary>A cap in USD, or none.</summary>
    public static Option<Given<long>?> CapOrNone(string name, string description) => OrNone<long>(name, description, TryUsd, Amount);

    /// <summary>A time, or none.</summary>
    public static Option<Given<DateTime>?> TimeOrNone(string name, string description) => OrNone<DateTime>(name, description, TryUtc, Time);

    public static Option<Given<bool>?> TrueOrFalse(string name, string description) =>
        OrNone<bool>(name, description, bool.TryParse, "true or false");

    /// <summary>Texts with commas between, or none.</summary>
    public static Option<Several<string>?> Texts(string name, string description) => Parsed<Several<string>?>(name, description, TryTexts, "");

    /// <summary>An amount above 0 in USD, such as 10 or 0.25, as nanos.</summary>
    public static Argument<long> Usd() => new("amount")
    {
        Description = "USD, such as 10 or 0.25",
        CustomParser = result => Parse<long>(result, "amount", TryUsd, Amount),
    };

    /// <summary>Sets what an option was given, and names it in the mask.</summary>
    public static void Apply<T>(this FieldMask mask, ParseResult parsed, Option<Given<T>?> option, string path, Action<T> set)
        where T : struct
    {
        if (parsed.GetValue(option) is not { } given)
        {
            return;
        }

        mask.Paths.Add(path);
        if (given.Value is { } value)
        {
            set(value);
        }
    }

    public static Command AtMostOne(this Command command, params Option[] options) => command.Refuse(
        options, static given => given > 1, $"Only one of {Names(options)} can be given.");

    public static Command AtLeastOne(this Command command, params Option[] options) => command.Refuse(
        options, static given => given == 0, $"Name what shall be changed, by {Names(options)}.");

    private static Command Refuse(this Command command, Option[] options, Func<int, bool> isWrong, string message)
    {
        command.Validators.Add(result =>
        {
            if (isWrong(options.Count(option => result.GetResult(option) is { Implicit: false })))
            {
                result.AddError(message);
            }
        });
        return command;
    }

    private static string Names(Option[] options) => string.Join(", ", options.Select(option => option.Name));

    private static async Task<int> DoneAsync(Task work)
    {
        await work;
        return 0;
    }

    /// <summary>By the names that people write. Every enum of operator.proto begins with one that stands for none.</summary>
    private static Dictionary<string, TEnum> ByName<TEnum>(IEnumerable<TEnum> values)
        where TEnum : struct, Enum => values
        .Where(value => !EqualityComparer<TEnum>.Default.Equals(value, default))
        .ToDictionary(value => Rows.Name(value), StringComparer.Ordinal);

    private static Option<Given<T>?> OrNone<T>(string name, string description, TryParse<T> tryParse, string expected)
        where T : struct
    {
        return Parsed<Given<T>?>(name, description, TryGiven, $"{expected}, or {None}");

        bool TryGiven(string text, out Given<T>? given)
        {
            if (text == None)
            {
                given = new Given<T>(null);
                return true;
            }

            given = tryParse(text, out var value) ? new Given<T>(value) : null;
            return given is not null;
        }
    }

    private static Option<OutputFormat> CreateFormat()
    {
        var byName = Enum.GetValues<OutputFormat>().ToDictionary(format => format.ToString(), StringComparer.OrdinalIgnoreCase);
        var option = Parsed<OutputFormat>("--format", "table, csv or json", byName.TryGetValue, "table, csv or json");
        option.Aliases.Add("-f");
        option.Recursive = true;
        return option;
    }

    private static Option<T> Parsed<T>(string name, string description, TryParse<T> tryParse, string expected) => new(name)
    {
        Description = description,
        HelpName = name.TrimStart('-'),
        CustomParser = result => Parse(result, name, tryParse, expected),
    };

    private static T? Parse<T>(ArgumentResult result, string name, TryParse<T> tryParse, string expected)
    {
        var text = result.Tokens is [var token, ..] ? token.Value : "";
        if (tryParse(text, out var value))
        {
            return value;
        }

        result.AddError($"{name} is '{text}', but must be {expected}.");
        return default;
    }

    private static bool TryCount(string text, out int? count)
    {
        count = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var read) && read >= 1 ? read : null;
        return count is not null;
    }

    private static bool TryLong(string text, out long count) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count) && count >= 1;

    private static bool TryUsd(string text, out long nanos) => Money.TryParseUsd(text, out nanos) && nanos > 0;

    private static bool TryUtc(string text, out DateTime time) => DateTime.TryParse(
        text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);

    private static bool TryTime(string text, out Timestamp? time)
    {
        time = TryUtc(text, out var utc) ? Timestamp.FromDateTime(utc) : null;
        return time is not null;
    }

    private static bool TryTexts(string text, out Several<string>? texts)
    {
        texts = new Several<string>(Split(text));
        return true;
    }

    private static string[] Split(string text) =>
        text == None ? [] : text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
