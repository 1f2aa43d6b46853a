using System.CommandLine;
using System.ComponentModel;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrleansGateway.SimulatedProvider;

/// <summary>The command line: what to listen on, and one option for each property of <see cref="SimulatedBehaviour"/>.</summary>
internal static class CommandLine
{
    public static RootCommand Create(Func<SimulatedProviderOptions, Task> run)
    {
        var port = new Option<int?>("--port") { Description = "port on 127.0.0.1; 0, the default, takes a free one" };
        var urls = new Option<Uri?>("--urls")
        {
            Description = "address to listen on, in place of --port",
            CustomParser = result =>
            {
                if (Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttp)
                {
                    return url;
                }

                result.AddError("--urls: expected an address such as http://127.0.0.1:8080");
                return null;
            },
        };
        var record = new Option<int>("--record")
        {
            Description = "how many of the last requests GET /sim/requests shows",
            DefaultValueFactory = _ => new SimulatedProviderOptions().RecordedRequestsMax,
        };
        var models = new Option<string?>("--models") { Description = "ids, with commas between, that GET /v1/models lists" };
        var key = new Option<string?>("--api-key") { Description = "key that requests must carry as a bearer token" };
        var command = new RootCommand("OpenAI-shaped provider that answers by rule.") { port, urls, record, models, key };
        var behaviour = AddBehaviour(command);

        command.SetAction(async (parsed, _) =>
        {
            var options = new SimulatedProviderOptions
            {
                Url = parsed.GetValue(urls) ?? new Uri($"http://127.0.0.1:{parsed.GetValue(port) ?? 0}"),
                RecordedRequestsMax = parsed.GetValue(record),
                ApiKey = parsed.GetValue(key),
            };
            options = parsed.GetValue(models) is { } ids ? options with { Models = ids.Split(',') } : options;
            var given = new JsonObject(
                from pair in behaviour
                let text = parsed.GetValue(pair.Value)
                where text is not null
                select KeyValuePair.Create(pair.Key, SimulatedBehaviour.FromText(text)));
            try
            {
                options = options with { Behaviour = new SimulatedBehaviour().With(given) };
            }
            catch (FormatException exception)
            {
                await Console.Error.WriteLineAsync(exception.Message);
                return 1;
            }

            await run(options);
            return 0;
        });
        return command;
    }

    /// <returns>The options by their names in JSON. A flag without a value is true.</returns>
    private static Dictionary<string, Option<string?>> AddBehaviour(RootCommand command)
    {
        var options = new Dictionary<string, Option<string?>>();
        foreach (var property in typeof(SimulatedBehaviour).GetProperties())
        {
            if (property.GetCustomAttribute<DescriptionAttribute>() is { } description)
            {
                var name = JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name);
                var isFlag = property.PropertyType == typeof(bool);
                var option = new Option<string?>("--" + name.Replace('_', '-'))
                {
                    Description = description.Description,
                    Arity = isFlag ? ArgumentArity.ZeroOrOne : ArgumentArity.ExactlyOne,
                };
                if (isFlag)
                {
                    option.CustomParser = result => result.Tokens.Count == 0 ? "true" : result.Tokens[0].Value;
                }

                options.Add(name, option);
                command.Add(option);
            }
        }

        return options;
    }
}
