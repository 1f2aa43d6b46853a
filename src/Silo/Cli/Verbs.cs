using System.CommandLine;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts;

namespace OrleansGateway.Silo.Cli;

/// <summary>What a verb asks of the operator API.</summary>
/// <param name="Method">HTTP method.</param>
/// <param name="Path">Below <c>/operator/</c>, with its query.</param>
/// <param name="Body">Null for none.</param>
/// <param name="Text">A text in place of the body; null for none.</param>
internal sealed record OperatorCall(HttpMethod Method, string Path, JsonObject? Body = null, byte[]? Text = null);

/// <summary>The pieces that verbs are made of.</summary>
internal static class Verbs
{
    /// <summary>Written in place of a limit, cap or list: there shall be none.</summary>
    private const string None = "none";

    public static Option<OutputFormat> Format { get; } = new("--format", "-f")
    {
        Description = "table, csv or json",
        Recursive = true,
    };

    public static Argument<string> AccountId() => new("account") { Description = "the account's id" };

    public static Argument<string> KeyId() => new("key") { Description = "the key's id" };

    public static Option<string?> Option(string name, string description) => new(name) { Description = description };

    /// <summary>A verb that makes one call and prints its answer.</summary>
    public static Command Verb(
        string name, string description, VerbRunner run, IEnumerable<Symbol> symbols, Func<ParseResult, OperatorCall> call)
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

        command.SetAction((parsed, cancellationToken) => run(parsed, call(parsed), cancellationToken));
        return command;
    }

    /// <summary>Part of an address.</summary>
    public static string Escape(string text) => Uri.EscapeDataString(text);

    /// <summary>The options that are given, as a query string.</summary>
    public static string Query(ParseResult parsed, IEnumerable<Option<string?>> filters)
    {
        var given = from filter in filters
                    let value = parsed.GetValue(filter)
                    where value is not null
                    select $"{filter.Name.TrimStart('-')}={Escape(value)}";
        var query = string.Join('&', given);
        return query.Length == 0 ? "" : "?" + query;
    }

    /// <summary>A text as it is; nothing where the option is not given.</summary>
    public static JsonObject Text(this JsonObject body, ParseResult parsed, Option<string?> option, string field)
    {
        if (parsed.GetValue(option) is { } text)
        {
            body[field] = text;
        }

        return body;
    }

    /// <summary>As <see cref="Text"/>, where "none" means null.</summary>
    public static JsonObject OrNone(
        this JsonObject body, ParseResult parsed, Option<string?> option, string field, Func<string, JsonNode?>? read = null)
    {
        if (parsed.GetValue(option) is { } text)
        {
            body[field] = text == None ? null : read is null ? text : read(text);
        }

        return body;
    }

    public static JsonNode? Count(string text) => long.TryParse(text, out var count) ? count : text;

    public static JsonNode? List(string text) =>
        new JsonArray([.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(item => (JsonNode?)item)]);

    public static JsonNode? Flag(string text) => bool.TryParse(text, out var flag) ? flag : text;

    /// <summary>An amount above 0 in USD, such as 10 or 0.25.</summary>
    public static Argument<string> Amount()
    {
        var amount = new Argument<string>("amount") { Description = "USD, such as 10 or 0.25" };
        amount.Validators.Add(result =>
        {
            if (result.Tokens is not [var token] || !Money.TryParseUsd(token.Value, out var nanos) || nanos <= 0)
            {
                result.AddError("The amount must be above 0 in USD, with at most nine decimals, such as 10 or 0.25.");
            }
        });
        return amount;
    }
}

/// <summary>Makes a call and prints its answer.</summary>
/// <returns>The exit code.</returns>
internal delegate Task<int> VerbRunner(ParseResult parsed, OperatorCall call, CancellationToken cancellationToken);
