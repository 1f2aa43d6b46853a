using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Http;

namespace OrleansGateway.Web.Components;

/// <summary>A page with a form: what is wrong, by field.</summary>
public abstract class FormPage : ComponentBase
{
    [CascadingParameter]
    public HttpContext Http { get; set; } = null!;

    [Inject]
    public NavigationManager Navigation { get; set; } = null!;

    private protected Dictionary<string, string> Problems { get; } = [];

    private protected string? Problem(string field) => Problems.GetValueOrDefault(field);

    /// <summary>Notes a problem where a rule does not hold; of one field the first is told.</summary>
    private protected void Check(bool holds, string field, string problem)
    {
        if (!holds)
        {
            Problems.TryAdd(field, problem);
        }
    }

    /// <summary>Says to machines that what was sent was not taken.</summary>
    private protected bool IsTaken()
    {
        if (Problems.Count > 0)
        {
            Http.Response.StatusCode = StatusCodes.Status422UnprocessableEntity;
        }

        return Problems.Count == 0;
    }
}
